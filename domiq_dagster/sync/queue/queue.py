"""The delivery queue: claiming, holding and giving back pending changes, and settling them.

Every write after a claim names the lease token that the claim gave. A worker that lost its lease
matches no row, and what it does is rolled back: `LostLease`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "queue.sql")


class LostLease(Exception):
    """Somebody else holds the change now (or it is gone): nothing was written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery that this worker holds until its lease ends. `may_have_left`: an earlier worker or
    attempt may have sent it, so it must be probed before it is sent."""

    change_id: UUID
    lane: UUID
    property_id: UUID
    attempts: int
    postponements: int
    lease_token: int
    enqueued_at: datetime
    was_due_at: datetime
    worker: str
    may_have_left: bool


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
    """How a held change ends: `success` or `failed`, and why."""

    held: Claim
    sync_status: str
    explanation: dict[str, Any]
    prospect_id: str | None = None
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True)
class DueProperty:
    """`due_since`: from when on its longest-due delivery has waited; a claim may begin there."""

    property_id: UUID
    account_id: str
    due_since: datetime


def due_properties(
    connection: Connection, property_ids: Sequence[UUID] | None = None, *, due_from: datetime | None = None
) -> list[DueProperty]:
    """Which connected properties have a delivery that may be claimed now. Given `due_from`, only what was due
    at that moment or later is looked at."""
    rows = connection.execute(
        QUERIES.due_properties,
        {
            "property_ids": None if property_ids is None else list(property_ids),
            "due_from": due_from or "-infinity",
        },
    )
    return [DueProperty(r.property_id, r.resman_account_id, r.due_since) for r in rows]


def heal_heads(connection: Connection) -> list[UUID | None]:
    """Marks the first of each lane that has none marked. Returns the property of each."""
    return list(connection.scalars(QUERIES.heal_heads))


def claim(
    connection: Connection,
    property_id: UUID,
    worker: str,
    lease_seconds: float,
    *,
    limit: int = 1,
    due_from: datetime | None = None,
) -> list[Claim]:
    """Claims the longest-due deliveries of a property, at most `limit`, each of another conversation.
    Commits.

    Given `due_from`, only what was due at that moment or later is looked at: `Claim.was_due_at` of the
    last claim is where the next one may begin, and `DueProperty.due_since` is where the first one may.
    """
    values = {
        "property_id": property_id,
        "worker": worker,
        "lease_seconds": lease_seconds,
        "limit": limit,
        "due_from": due_from or "-infinity",
    }
    rows: Sequence[Row[Any]] = ()
    # Two of one lane were both taken for its head, and the index refused the second: another worker has just
    # claimed the first, or the lane is not what `in_turn` says. Looking at the whole of each lane tells.
    for carefully in (False, True):
        try:
            connection.execute(QUERIES.look_up_by_key)
            connection.execute(QUERIES.join_by_hash)
            rows = connection.execute(QUERIES.claim, {**values, "carefully": carefully}).all()
            connection.commit()
            break
        except IntegrityError:
            connection.rollback()
    return [
        Claim(
            change_id=row.change_id,
            lane=row.lane,
            property_id=row.property_id,
            attempts=row.attempts,
            postponements=row.postponements,
            lease_token=row.lease_token,
            enqueued_at=row.enqueued_at,
            was_due_at=row.was_due_at,
            worker=worker,
            may_have_left=row.found_state in ("in_flight", "unknown"),
        )
        for row in sorted(rows, key=lambda row: (row.was_due_at, row.seq))
    ]


def extend_leases(connection: Connection, held: Sequence[Claim], lease_seconds: float) -> set[UUID]:
    """The heartbeat: each lease ends `lease_seconds` from now. Commits. Returns the changes that are still
    held."""
    values = {
        "change_ids": [h.change_id for h in held],
        "lease_tokens": [h.lease_token for h in held],
        "lease_seconds": lease_seconds,
    }
    kept = set(connection.execute(QUERIES.extend_leases, values).scalars())
    connection.commit()
    return kept


def extend_lease(connection: Connection, held: Claim, lease_seconds: float) -> None:
    """The heartbeat of one. Raises LostLease."""
    if not extend_leases(connection, [held], lease_seconds):
        raise LostLease(f"change {held.change_id}")


def still_held(connection: Connection, held: Claim) -> None:
    """Keeps the lease until the transaction ends. Raises LostLease."""
    if connection.execute(QUERIES.still_held, _key(held)).first() is None:
        connection.rollback()
        raise LostLease(f"change {held.change_id}")


def postpone(
    connection: Connection,
    held: Claim,
    *,
    state: str,
    outcome: str,
    seconds: float,
    counted: bool,
    attempts: Sequence[Attempt],
) -> None:
    """Gives a delivery back, to be claimed again after `seconds`. Commits. Raises LostLease."""
    values = {
        **_key(held),
        "worker": held.worker,
        "state": state,
        "outcome": outcome,
        "seconds": seconds,
        "counted": int(counted),
        "tried": _json([a.as_row() for a in attempts]),
    }
    if connection.execute(QUERIES.postpone, values).first() is None:
        connection.rollback()
        raise LostLease(f"change {held.change_id}")
    connection.commit()


def settle(connection: Connection, settlements: Sequence[Settlement]) -> set[UUID]:
    """Gives changes their final status, with the explanation under `context_data.sync`, and lets the next
    of each lane come forward. The caller commits, with what belongs to the same moment.

    Returns the changes that were still held; of the others nothing is written.
    """
    rows = [
        {
            **_key(s.held),
            "worker": s.held.worker,
            "sync_status": s.sync_status,
            "prospect_id": s.prospect_id,
            "explanation": s.explanation,
            "attempts": [a.as_row() for a in s.attempts],
        }
        for s in settlements
    ]
    connection.execute(QUERIES.look_up_by_key)
    connection.execute(QUERIES.join_by_hash)
    given = {"settlements": _json(rows), "change_ids": [s.held.change_id for s in settlements]}
    kept = set(connection.execute(QUERIES.settle, given).scalars())
    connection.execute(QUERIES.join_freely)
    return kept


def settle_one(connection: Connection, settlement: Settlement) -> None:
    """`settle` for one change. Raises LostLease."""
    if not settle(connection, [settlement]):
        connection.rollback()
        raise LostLease(f"change {settlement.held.change_id}")


def _key(held: Claim) -> dict[str, Any]:
    return {"change_id": held.change_id, "lease_token": held.lease_token}


def _json(value: object) -> str:
    return json.dumps(value, default=str)
