"""Failed changes: listing them, and putting them back into the queue, on record in each of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.operator_actions import Deciding, record
from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.sync.queue import change_log, changes, lanes

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "retry.sql")


class CannotRetry(Exception):
    """The choice makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which failed changes: of one property, logged since a time, failed of a reason (an outcome such as
    `unknown_source`), or just these. None of them given: whichever."""

    property_id: UUID | None = None
    since: datetime | None = None
    reason: str | None = None
    change_ids: Collection[UUID] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """What the queries take."""
        return {
            "property_id": self.property_id,
            "since": self.since,
            "reason": self.reason,
            "change_ids": None if self.change_ids is None else list(self.change_ids),
        }


@dataclass(slots=True)
class Retried:
    """How many changes were put back, by partition key and reason.

    Attributes:
        overtaken: those that were not, since a later change of the same conversation has reached ResMan, or
            may have.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    overtaken: int = 0

    @property
    def total(self) -> int:
        return self.counts.total()


@dataclass(frozen=True, slots=True)
class FailedChange:
    """A failed change.

    Attributes:
        reason: what it failed of, in a word.
        words: the same in a sentence, ResMan's own where it refused.
        prospect_id: its lead; None where it has none.
        failed_at: when it was last tried, or logged, where no try is on record any more.
        overtaken: a later change of its conversation has reached ResMan, or may have: it is not put back.
    """

    change_id: UUID
    property_id: UUID | None
    conversation_id: UUID | None
    reason: str
    words: str | None
    old_status: str | None
    new_status: str | None
    prospect_id: str | None
    failed_at: datetime
    overtaken: bool


def failed_changes(connection: Connection, choice: Choice) -> list[FailedChange]:
    """The failed changes of this choice, in the order in which they were logged."""
    return rows_as(FailedChange, connection.execute(QUERIES.failed_changes, choice.values))


def put_back(
    engine: Engine,
    choice: Choice | None = None,
    *,
    by: str | None = None,
    why: str | None = None,
    dry_run: bool = False,
) -> Retried:
    """Makes failed changes pending again, with a delivery. With `dry_run` they are only counted.

    Args:
        choice: which ones; all, if not given.
        by: whoever asks for it, for the record; and why.

    Raises:
        CannotRetry: the choice makes no sense.
    """
    choice = choice or Choice()
    retried = Retried()
    with engine.begin() as connection:
        _check(connection, choice)
        names = PropertyNames(connection)
        if not dry_run:
            # What waits behind a failed change is not to be claimed while it is decided what goes before it.
            lanes.lock(connection, *connection.scalars(QUERIES.failed_lanes, choice.values))
        failed = failed_changes(connection, choice)
        chosen = {c.change_id: c for c in failed if not c.overtaken}
        retried.overtaken = len(failed) - len(chosen)
        if chosen and not dry_run:
            moved = _put_back(connection, list(chosen), _record(choice, names, by, why))
            chosen = {i: change for i, change in chosen.items() if i in moved}
            _note(connection, choice, chosen.values(), by, why)
        retried.counts.update((names.name(c.property_id), c.reason) for c in chosen.values())
    if not dry_run:
        logger.info("retry: %d failed changes are pending again", retried.total)
    return retried


def _check(connection: Connection, choice: Choice) -> None:
    if choice.since is not None and choice.since > connection.scalar(QUERIES.now):
        raise CannotRetry(
            f"{choice.since:%Y-%m-%d %H:%M:%S %Z} is in the future: no change was logged since."
        )
    if choice.change_ids is not None:
        others = connection.scalars(QUERIES.not_failed, choice.values).all()
        if others:
            raise CannotRetry(
                f"No failed change is {', '.join(map(str, others))}: "
                "`domiq-sync failures` lists those there are."
            )
    if choice.reason is None:
        return
    reasons = {r.reason: r.changes for r in connection.execute(QUERIES.reasons)}
    if reasons and choice.reason not in reasons:
        known = ", ".join(f"{reason} ({count})" for reason, count in reasons.items())
        raise CannotRetry(f"No change has failed of {choice.reason}. Changes have failed of: {known}.")


def _note(
    connection: Connection, choice: Choice, back: Collection[FailedChange], by: str | None, why: str | None
) -> None:
    """Puts the decision on record, if anything came of it; which changes it was are named where they were
    chosen by their ids, and each change has it as well."""
    if not back:
        return
    of = {change.property_id for change in back}
    record(
        connection,
        Deciding.RETRY,
        by,
        why,
        property_id=next(iter(of)) if len(of) == 1 else choice.property_id,
        subject=choice.change_ids or (),
        details={"changes": len(back), "since": choice.since, "reason": choice.reason},
    )


def _record(choice: Choice, names: PropertyNames, by: str | None, why: str | None) -> dict[str, Any]:
    """What goes on record in each change: who asked, and how the changes were chosen."""
    return {
        "by": by,
        "property": names.name(choice.property_id) if choice.property_id else None,
        "since": choice.since.isoformat() if choice.since else None,
        "reason": choice.reason,
        **({"why": why} if why else {}),
    }


def _put_back(connection: Connection, ids: list[UUID], record: dict[str, Any]) -> set[UUID]:
    """Those of them that nobody else has put back meanwhile."""
    moved = change_log.put_back(connection, ids, record)
    changes.adopt(connection, [i for i in ids if i in moved])
    # A failed change may have arrived all the same: somebody may have settled it by hand.
    lanes.doubt(connection, moved)
    lanes.heal_heads(connection)
    return moved
