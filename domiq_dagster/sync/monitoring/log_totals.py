"""Totals of the log: folding what was noted of it, and counting it anew, so that no figure reads it.

Triggers note what each statement does to the log; whoever reads adds the notes to the totals, so they are
exact at every instant, folded or not. Folding keeps them few. What is written around the triggers
(session_replication_role = replica) is found by counting the log itself, every night.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.advisory_locks import try_lock, unlock
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "log_totals.sql")
_LOCK = "domiq_sync.log_totals"
_NOTES_AT_ONCE = 200_000
_PAGES_AT_ONCE = 65_536
"""512 MB: about a second of a large log, after which is looked whether somebody waits."""
_LOOKS = 20
_PAUSE_SECONDS = 0.5


class Ended(StrEnum):
    """How a recount ended."""

    COUNTED = "counted"
    ELSEWHERE = "somebody else is at it"
    OPEN_TRANSACTIONS = "a transaction that was open before has not ended"
    GAVE_WAY = "somebody waited for a table that was being counted"


@dataclass(frozen=True, slots=True)
class Drift:
    """A total that differed from the log. It was set right when that was found.

    Attributes:
        kind: chatbot or property, of which `home` is the id; nowhere (the conversation leads to neither);
            unnamed (the changes name no conversation).
        kept, logged: what the total said, and what the log has.
    """

    kind: str
    home: str
    sync_direction: str
    sync_status: str
    kept: int
    logged: int


@dataclass(frozen=True, slots=True)
class Recount:
    """What counting the log found.

    Attributes:
        changes: how many it has.
        differed: by how many the totals had differed, all told. The first count of a log finds nothing to
            differ from.
    """

    ended: Ended
    changes: int = 0
    drift: Sequence[Drift] = ()

    @property
    def differed(self) -> int:
        return sum(abs(d.logged - d.kept) for d in self.drift)


@dataclass(frozen=True, slots=True)
class TotalsState:
    """How the totals stand.

    Attributes:
        is_counted: they are what is read; else every figure counts the log.
        is_watched: every trigger fires that takes notes.
        counted_at: when the log was last counted in full, and `changes`: how many it had. None: not yet.
        differed: by how many the totals differed then; `drift`: where, at most 100.
        drifted_at, last_drift: when they last had differed, and by how many.
    """

    is_counted: bool
    is_watched: bool
    counted_at: datetime | None
    changes: int | None
    differed: int
    drift: Sequence[Drift]
    drifted_at: datetime | None
    last_drift: int | None


def fold(engine: Engine) -> int:
    """Folds what was noted into the totals, each part in a transaction of its own; nobody waits for it, nor
    it for anybody.

    Returns:
        How many notes; 0 too where somebody else is at it.
    """
    with engine.connect() as connection:
        waiting = connection.execute(QUERIES.unfolded, {"most": _NOTES_AT_ONCE}).one()
        connection.rollback()
        if not waiting.first:
            return 0
        parts = 1 if waiting.first < _NOTES_AT_ONCE else 1 + waiting.at_most // _NOTES_AT_ONCE
        folded = 0
        for part in range(parts):
            notes = connection.scalar(QUERIES.fold, {"parts": parts, "part": part})
            connection.commit()
            if notes is None:
                break
            folded += notes
    return folded


def keep(engine: Engine) -> Recount | None:
    """Folds; and counts the log where its totals cannot be told: it was not counted yet, its file is another
    one (VACUUM FULL), or something was not noted.

    Returns:
        What counting found; None where there was no need.
    """
    fold(engine)
    with engine.connect() as connection:
        found = totals_state(connection)
    return recount(engine) if found.is_watched and not found.is_counted else None


def totals_state(connection: Connection) -> TotalsState:
    """How the totals stand."""
    row = connection.execute(QUERIES.state).mappings().one()
    return TotalsState(**{**row, "drift": [Drift(**d) for d in row["drift"]]})


def recount(
    engine: Engine, *, pages_at_once: int = _PAGES_AT_ONCE, pause: Callable[[float], None] = time.sleep
) -> Recount:
    """Counts the whole log in slices, compares, and sets right what differs. All of it is seen as of one
    moment, while everybody goes on writing; nothing is folded meanwhile. It gives way to whoever waits for a
    table that it reads, and a later one begins anew.

    Where something was not noted, it waits for the transactions that may have done it, ten seconds at most.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as holder:
        if not try_lock(holder, _LOCK):
            return Recount(Ended.ELSEWHERE)
        try:
            before = holder.execute(QUERIES.before_counting).one()
            horizon = holder.scalar(QUERIES.horizon)
            for _ in range(_LOOKS):
                with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                    passed = connection.scalar(QUERIES.has_passed, {"horizon": horizon})
                    if passed or not before.any_new:
                        return _count(connection, before.misses, pages_at_once)
                pause(_PAUSE_SECONDS)
            return Recount(Ended.OPEN_TRANSACTIONS)
        finally:
            if not holder.invalidated:
                unlock(holder, _LOCK)


def _count(connection: Connection, misses: int, pages_at_once: int) -> Recount:
    """Counts in the transaction's snapshot, and commits."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    found = connection.execute(QUERIES.pages).one()
    step = pages_at_once if found.in_slices else found.pages
    totals: Counter[tuple[str, str, str, str]] = Counter()
    for first in range(0, found.pages, step):
        if connection.scalar(QUERIES.is_waited_for):
            connection.rollback()
            return Recount(Ended.GAVE_WAY)
        rows = connection.execute(QUERIES.count_pages, {"first_page": first, "end_page": first + step})
        for row in rows:
            totals[row.kind, str(row.home), row.sync_direction, row.sync_status] += row.changes
    names = ("kind", "home", "sync_direction", "sync_status", "changes")
    counted: list[dict[str, Any]] = [dict(zip(names, (*key, n), strict=True)) for key, n in totals.items()]
    drift = connection.scalar(QUERIES.set_right, {"counted": json.dumps(counted), "misses": misses})
    connection.commit()
    return Recount(Ended.COUNTED, totals.total(), [Drift(**d) for d in drift or ()])
