"""Who came by: the prospects that concern the link finder, kept until their answer is whole.

An answer may break off and be asked for again in smaller windows; what it showed until then did not happen.
And once prospects that are gone have been let go, those that came are looked at a second time.
"""

from __future__ import annotations

from collections.abc import Sequence

from domiq_dagster.resman.prospect import Prospect
from domiq_dagster.sync.linking.finder import LinkFinder, Sighting


class Glance:
    """Keeps what a finder calls of interest: of the answer under way until that is whole, then for good."""

    def __init__(self, finder: LinkFinder) -> None:
        self._finder = finder
        self._under_way: list[Sighting] = []
        self._seen: list[Sighting] = []

    def look(self, prospects: Sequence[Prospect]) -> None:
        """Looks at prospects of an answer that is under way."""
        self._under_way += self._finder.sight(prospects)

    def keep(self) -> None:
        """The answer was whole."""
        self._seen += self._under_way
        self._under_way = []

    def drop(self) -> None:
        """The answer broke off: what it showed did not happen."""
        self._under_way = []

    def show(self, finder: LinkFinder) -> None:
        """Shows a finder what was seen."""
        for sighting in self._seen:
            finder.see(sighting)
