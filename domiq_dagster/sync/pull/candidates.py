"""Candidates: the prospects that concern the link finder, kept until their answer is whole.

An answer may break off and be asked for again in smaller windows; what it showed until then did not happen.
And once prospects that are gone have been let go, those that came are looked at a second time.
"""

from __future__ import annotations

from collections.abc import Sequence

from domiq_dagster.resman.prospect import Prospect
from domiq_dagster.sync.linking.finder import Candidate, LinkFinder


class CandidateBuffer:
    """Keeps what a finder calls of interest: of the answer under way until that is whole, then for good."""

    def __init__(self, finder: LinkFinder) -> None:
        self._finder = finder
        self._under_way: list[Candidate] = []
        self._kept: list[Candidate] = []

    def add(self, prospects: Sequence[Prospect]) -> None:
        """Takes the candidates among the prospects of an answer that is under way."""
        self._under_way += self._finder.prefilter(prospects)

    def keep(self) -> None:
        """The answer was whole."""
        self._kept += self._under_way
        self._under_way = []

    def drop(self) -> None:
        """The answer broke off: what it showed did not happen."""
        self._under_way = []

    def show(self, finder: LinkFinder) -> None:
        """Has a finder observe what was kept."""
        for candidate in self._kept:
            finder.observe(candidate)
