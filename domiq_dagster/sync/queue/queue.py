"""The delivery queue: claiming, keeping and postponing pending changes, and settling them.

Every write after a claim names the lease token that the claim gave (the fencing token). A worker that lost
its lease matches no row: it is told so, and nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from domiq_dagster.db import direct
from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "queue.sql")
_LOOKS_UP = "domiq_sync.looks_up_by_key"
"""The mark of a connection of `looking_up_by_key`; one whose session is lost loses it."""
ARRIVED, SEND_AGAIN = "arrived", "send_again"
"""What a person may decide about a change that may have arrived."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery that this worker holds until its lease ends.

    Attributes:
        seq: its place in the order of all changes.
        lane: the ordering key, which is the conversation's id.
        attempts, postponements: how often it was tried before, and how often it was postponed for no fault
            of its own.
        outcome_unknown: an earlier worker or attempt may have sent it, so it must be read back before it is
            sent.
        posted_for: seconds since a post of it last left that ResMan may have; None where none did, or where
            what became of it is known.
        posted: that post: its `name`, `marker`, `event_type`, `event_date` and `agent_id`.
        read_backs: how often it was looked for since, and not found.
        decided, decided_by: what a person decided about it, `arrived` or `send_again`, and who.
    """

    change_id: UUID
    seq: int
    lane: UUID
    property_id: UUID
    attempts: int
    postponements: int
    lease_token: int
    enqueued_at: datetime
    was_due_at: datetime
    worker: str
    outcome_unknown: bool
    posted_for: float | None = None
    posted: Mapping[str, Any] | None = None
    read_backs: int = 0
    decided: str | None = None
    decided_by: str | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether ResMan may have an earlier post of it, so that it must be looked for before it is sent."""
        return self.outcome_unknown and self.posted_for is not None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step of getting a change to ResMan, for the record. `detail` holds no personal data."""

    action: str
    outcome: str
    detail: dict[str, Any]
    started_at: datetime
    duration_ms: int

    def as_row(self) -> dict[str, Any]:
        """As the queue's statements take it. (dataclasses.asdict copies deeply: ten times as slow.)"""
        return {
            "action": self.action,
            "outcome": self.outcome,
            "detail": self.detail,
            "started_at": self.started_at,
            "duration_ms": self.duration_ms,
        }


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a claimed change ends: `success` or `failed`, and why."""

    claim: Claim
    sync_status: str
    explanation: dict[str, Any]
    prospect_id: str | None = None
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True)
class DueProperty:
    """A property with something to deliver now.

    Attributes:
        due_since: from when on its longest-due delivery has waited; a claim may begin there.
        waited: for how many seconds that is.
    """

    property_id: UUID
    account_id: str
    due_since: datetime
    waited: float


def due_properties(
    connection: Connection,
    property_ids: Sequence[UUID] | None = None,
    *,
    account_id: str | None = None,
    due_from: datetime | None = None,
) -> list[DueProperty]:
    """Which connected properties have a delivery that may be claimed now: of all, of these, or of one
    account. Given `due_from`, only what was due at that moment or later is looked at."""
    values = {
        "property_ids": None if property_ids is None else list(property_ids),
        "account_id": account_id,
        "due_from": due_from or "-infinity",
    }
    return rows_as(DueProperty, connection.execute(QUERIES.due_properties, values))


@contextmanager
def looking_up_by_key(connection: Connection) -> Iterator[None]:
    """Has a session plan for changes that are claimed, looked at and settled one at a time, until the block
    ends. A session that takes its place where it is lost does without."""
    connection.execute(QUERIES.keep_looking_up)
    connection.commit()
    connection.info[_LOOKS_UP] = True
    try:
        yield
    finally:
        connection.rollback()
        if not connection.invalidated and connection.info.pop(_LOOKS_UP, False):
            try:
                connection.execute(QUERIES.plan_as_before)
                connection.commit()
            except DBAPIError:
                connection.invalidate()  # the next who gets it would plan by what is meant for this


def _look_up_by_key(connection: Connection, *, rows: int) -> None:
    """For this transaction, unless the session does so anyway."""
    if rows != 1 or not connection.info.get(_LOOKS_UP):
        direct.fetch(connection, QUERIES.look_up_by_key, {})


def claim(
    connection: Connection,
    property_id: UUID,
    worker: str,
    lease_seconds: float,
    *,
    limit: int = 1,
    due_from: datetime | None = None,
) -> list[Claim]:
    """Claims the longest-due deliveries of a property, each of another conversation. Commits.

    Args:
        limit: how many at most.
        due_from: only what was due at that moment or later is looked at. `Claim.was_due_at` of the last claim
            is where the next one may begin, and `DueProperty.due_since` is where the first one may.
    """
    values = {
        "property_id": property_id,
        "worker": worker,
        "lease_seconds": lease_seconds,
        "limit": limit,
        "due_from": due_from or "-infinity",
    }
    # Two of one lane were both taken for its head, and the index refused the second: another worker has just
    # claimed the first, or the lane is not what `in_turn` says. Looking at the whole of each lane tells.
    for carefully in (False, True):
        try:
            _look_up_by_key(connection, rows=limit)
            claims = direct.rows_at_once(Claim, connection, QUERIES.claim, {**values, "carefully": carefully})
        except IntegrityError:
            connection.rollback()
        else:
            return sorted(claims, key=lambda c: (c.was_due_at, c.seq))
    return []


def extend_leases(connection: Connection, claims: Sequence[Claim], lease_seconds: float) -> set[UUID]:
    """Has each lease end `lease_seconds` from now: the heartbeat. Commits.

    Returns:
        The changes whose claims still hold.
    """
    values = {
        "change_ids": [c.change_id for c in claims],
        "lease_tokens": [c.lease_token for c in claims],
        "lease_seconds": lease_seconds,
    }
    kept = set(connection.execute(QUERIES.extend_leases, values).scalars())
    connection.commit()
    return kept


def still_holds(connection: Connection, claim: Claim) -> bool:
    """Whether a claim holds, by a look that writes nothing."""
    return bool(direct.fetch(connection, QUERIES.still_holds, _key(claim)))


def earlier_claim(connection: Connection, claim: Claim) -> int | None:
    """The lease token of the last claim of a change before this one that left an attempt on record.
    Commits."""
    found = direct.fetch(connection, QUERIES.earlier_claim, _key(claim))
    connection.commit()
    return found[0][0] if found else None


def note_posting(
    connection: Connection, claim: Claim, posted: Mapping[str, Any], lease_seconds: float
) -> bool:
    """Notes that a post leaves, and has the lease end `lease_seconds` from now. Commits where the connection
    does.

    Args:
        posted: what `Claim.posted` is to be for whoever looks for it.

    Returns:
        Whether the claim still held; if not, nothing was written.
    """
    values = {**_key(claim), "posted": _json(posted), "lease_seconds": lease_seconds}
    return bool(direct.fetch(connection, QUERIES.note_posting, values))


def has_left(connection: Connection, claim: Claim) -> bool:
    """Whether a post of a change is noted as one that ResMan may have."""
    return bool(connection.scalar(QUERIES.has_left, {"change_id": claim.change_id}))


def forget_posting(connection: Connection, claim: Claim) -> None:
    """Notes that what became of the last post is known. The caller commits."""
    connection.execute(QUERIES.forget_posting, _key(claim))


def count_read_back(connection: Connection, claim: Claim) -> None:
    """Notes that a post in doubt was looked for once more, and not found. The caller commits."""
    connection.execute(QUERIES.count_read_back, _key(claim))


def bring_forward(connection: Connection, account_id: str) -> int:
    """Has the changes of an account go now that were postponed for a while; the caller commits. Returns how
    many."""
    return connection.execute(QUERIES.bring_forward, {"a": account_id}).rowcount


def queued_among(connection: Connection, change_ids: Collection[UUID]) -> set[UUID]:
    """Those of these changes that have a delivery."""
    return set(connection.scalars(QUERIES.queued_among, {"change_ids": list(change_ids)}))


def give_new_tries(connection: Connection, change_ids: Collection[UUID]) -> None:
    """Has changes tried anew, and now, as if they had never been; the caller commits. Of which nobody knows
    whether it has arrived, that stays so: it is read back first. One under way is left alone."""
    connection.execute(QUERIES.give_new_tries, {"change_ids": list(change_ids)})


def keep_claim(connection: Connection, claim: Claim) -> bool:
    """Keeps a claim until the transaction ends, so that nobody takes it over before what belongs to it is
    written.

    Returns:
        Whether it still holds; if not, the transaction is rolled back.
    """
    if connection.execute(QUERIES.keep_claim, _key(claim)).first() is not None:
        return True
    connection.rollback()
    return False


def postpone(
    connection: Connection,
    claim: Claim,
    *,
    state: str,
    outcome: str,
    seconds: float,
    counted: bool,
    attempts: Sequence[Attempt] | None,
) -> bool:
    """Gives a delivery back, to be claimed again after `seconds`. Commits.

    Args:
        state: `ready`, `waiting` (for a person or a setting), or `unknown` (it may have arrived).
        outcome: why, in one word.
        counted: whether it counts as a try of this change's own.
        attempts: what was tried; None: it cannot be put on record.

    Returns:
        Whether the claim still held; if not, nothing was written.
    """
    values = {
        **_key(claim),
        "worker": claim.worker,
        "state": state,
        "outcome": outcome,
        "seconds": seconds,
        "counted": int(counted),
        "tried": _json([a.as_row() for a in attempts or ()]),
    }
    query = QUERIES.postpone_unrecorded if attempts is None else QUERIES.postpone
    kept = connection.execute(query, values).first() is not None
    connection.commit()
    return kept


def settle(connection: Connection, settlements: Sequence[Settlement]) -> set[UUID]:
    """Gives changes their final status, with the explanation under `context_data.sync`, and lets the next
    of each lane come forward. The caller commits, with what belongs to the same moment.

    Returns:
        The changes whose claims still held; of the others nothing is written.
    """
    rows = [
        {
            **_key(s.claim),
            "worker": s.claim.worker,
            "sync_status": s.sync_status,
            "prospect_id": s.prospect_id,
            "explanation": s.explanation,
            "attempts": [a.as_row() for a in s.attempts],
        }
        for s in settlements
    ]
    _look_up_by_key(connection, rows=len(settlements))
    given = {"settlements": _json(rows), "change_ids": [s.claim.change_id for s in settlements]}
    return {row[0] for row in direct.fetch(connection, QUERIES.settle, given)}


def _key(claim: Claim) -> dict[str, Any]:
    return {"change_id": claim.change_id, "lease_token": claim.lease_token}


def _json(value: object) -> str:
    return json.dumps(value, default=str)
