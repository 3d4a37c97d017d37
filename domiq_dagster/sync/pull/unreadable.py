"""Prospects that a pull could not read: collected, asked for again by their ids, and told to people."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.resman.prospect import WITHOUT_ID, Prospect, UnreadableProspect
from domiq_dagster.sync import trouble

logger = logging.getLogger(__name__)
_MOST = 1_000
"""So many are named; should there be more, the first ones tell enough."""


class UnreadableProspects:
    """Those of one pull.

    Args:
        in_trouble: the keys of those that earlier pulls could not read, the one that was met least lately
            first.
    """

    def __init__(self, in_trouble: Sequence[str]) -> None:
        self._least_lately_met = tuple(in_trouble)
        self._in_trouble = frozenset(in_trouble)
        self._found: dict[str, UnreadableProspect] = {}
        self._readable_again: set[str] = set()
        self._not_answered: dict[str, str] = {}
        self._not_named = False

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def note(self, item: UnreadableProspect) -> None:
        """Takes one that could not be read."""
        if item.key in self._found or len(self._found) < _MOST:
            self._found[item.key] = item
        else:
            self._not_named = True

    def note_spoiled(self, prospect: Prospect, error: Exception) -> None:
        """Takes one that was read, but could not be looked at or put in a row."""
        logger.error("a prospect could not be taken: %s", type(error).__name__)
        item = UnreadableProspect(
            prospect.prospect_id, f"could not be taken ({type(error).__name__})", prospect.prospect_id
        )
        self._readable_again.discard(item.key)
        self.note(item)

    def note_read(self, prospect_ids: Iterable[str]) -> None:
        """These came and were read: what was wrong with one of them before is over."""
        if self._in_trouble:
            self._readable_again.update(self._in_trouble.intersection(prospect_ids))

    def ids(self) -> list[str]:
        """The ids of those that have one."""
        return [item.prospect_id for item in self._found.values() if item.prospect_id]

    @property
    def has_nameless(self) -> bool:
        """Whether one has no id, so that it cannot be asked for by it, or is one too many to be named."""
        return self._not_named or any(item.prospect_id is None for item in self._found.values())

    def without_these(self, ids: Sequence[str]) -> list[str]:
        """Those of the ids that are not of them."""
        lost = {canonical_id(key) for key in self._found}
        return [i for i in ids if canonical_id(i) not in lost]

    def to_ask_again(self) -> list[str]:
        """The ids of earlier pulls' that did not come this time: the watermark may lie behind them by now.
        Those that were not met for longest come first, so that each has its turn."""
        missed = self._in_trouble - self._readable_again - self._found.keys()
        return [key for key in self._least_lately_met if key in missed and not key.startswith(WITHOUT_ID)]

    def not_answered(self, prospect_id: str, error: Exception) -> None:
        """One was asked for by its id, and that failed: it stays in trouble."""
        self._readable_again.discard(prospect_id)
        self._not_answered[prospect_id] = f"could not be asked for again ({trouble.sentence(error)})"

    def asked_again(self, prospect_id: str) -> None:
        """One was asked for by its id: if it is not unreadable still, it was read, or is there no more."""
        if prospect_id not in self._found:
            self._readable_again.add(prospect_id)

    def store(self, connection: Connection, property_id: UUID, *, whole: bool) -> None:
        """Tells people of them, and of those that are over no longer; the caller commits.

        Args:
            whole: whether the pull asked for all that the ones before it did, so that what has no id and did
                not come is gone.
        """
        over = self._readable_again - self._found.keys()
        if whole:
            over |= {k for k in self._in_trouble - self._found.keys() if k.startswith(WITHOUT_ID)}
        trouble.clear(connection, trouble.PROSPECT, property_id, over)
        trouble.note(connection, trouble.PROSPECT, property_id, self.reasons())

    def reasons(self) -> dict[str, str]:
        """Why each could not be read, by its key."""
        found = {key: item.reason for key, item in self._found.items()}
        return dict(sorted({**self._not_answered, **found}.items()))
