"""Putting failed changes back into the queue, which goes on record in each of them."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.property_names import Places
from domiq_dagster.sync.queue import queue

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "retry.sql")
_ADOPT = load_queries(__package__, "reconcile.sql").adopt


class CannotRetry(Exception):
    """The choice makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which failed changes: of one property, logged since a time, failed of a reason (an outcome such as
    `unknown_source`). None: whichever."""

    property_id: UUID | None = None
    since: datetime | None = None
    reason: str | None = None


@dataclass(slots=True)
class Retried:
    """How many changes were put back, by partition key and reason. `overtaken`: those that were not, since
    a later change of the same conversation has reached ResMan, or may have."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    overtaken: int = 0

    @property
    def total(self) -> int:
        return self.counts.total()


def put_back(engine: Engine, choice: Choice, *, by: str | None = None, dry_run: bool = False) -> Retried:
    """Makes failed changes pending again, with a delivery; `by` is whoever asks for it. With `dry_run` they
    are only counted. Raises CannotRetry."""
    retried = Retried()
    with engine.begin() as connection:
        _check(connection, choice)
        places = Places(connection)
        values = {"property_id": choice.property_id, "since": choice.since, "reason": choice.reason}
        if not dry_run:
            connection.execute(QUERIES.lock_lanes, values)
        failed = connection.execute(QUERIES.failed_changes, values).all()
        chosen = {row.id: row for row in failed if not row.overtaken}
        retried.overtaken = len(failed) - len(chosen)
        if chosen and not dry_run:
            moved = _put_back(connection, list(chosen), _record(choice, places, by))
            chosen = {i: row for i, row in chosen.items() if i in moved}
        retried.counts.update((places.name(r.property_id), r.reason) for r in chosen.values())
    if not dry_run:
        logger.info("retry: %d failed changes are pending again", retried.total)
    return retried


def retry_failed(
    engine: Engine,
    *,
    property_id: UUID | None = None,
    since: datetime | None = None,
    reason: str | None = None,
    by: str | None = None,
) -> int:
    """`put_back`, for whoever needs no more than how many. Raises CannotRetry."""
    return put_back(engine, Choice(property_id, since, reason), by=by).total


def _check(connection: Connection, choice: Choice) -> None:
    if choice.since is not None and choice.since > connection.scalar(QUERIES.now):
        raise CannotRetry(
            f"{choice.since:%Y-%m-%d %H:%M:%S %Z} is in the future: no change was logged since."
        )
    if choice.reason is None:
        return
    reasons = {r.reason: r.changes for r in connection.execute(QUERIES.reasons)}
    if reasons and choice.reason not in reasons:
        known = ", ".join(f"{reason} ({count})" for reason, count in reasons.items())
        raise CannotRetry(f"No change has failed of {choice.reason}. Changes have failed of: {known}.")


def _record(choice: Choice, places: Places, by: str | None) -> dict[str, Any]:
    """What goes on record in each change: who asked, and how the changes were chosen."""
    return {
        "by": by,
        "property": places.name(choice.property_id) if choice.property_id else None,
        "since": choice.since.isoformat() if choice.since else None,
        "reason": choice.reason,
    }


def _put_back(connection: Connection, ids: list[UUID], record: dict[str, Any]) -> set[UUID]:
    """Those of them that nobody else has put back meanwhile."""
    moved = set(connection.scalars(QUERIES.put_back, {"ids": ids, "record": json.dumps(record)}).all())
    connection.execute(_ADOPT, {"ids": [i for i in ids if i in moved]})
    connection.execute(QUERIES.doubt, {"ids": list(moved)})
    queue.heal_heads(connection)
    return moved
