"""Operator actions: what people decided, by whom, when and why. Written in the transaction of the decision,
and read by `domiq-sync history` and `domiq-sync lead`.

What people decide by SQL alone (workflow rules, preferences, the status map) the database puts on record:
sql/121_operator_actions.sql.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "operator_actions.sql")


class Deciding(StrEnum):
    """What is decided."""

    RETRY = "retry"
    RETRY_NOTICES = "retry_notices"
    RESOLVE = "resolve"
    LINK = "link"
    NEVER_LINK = "never_link"
    ARRIVED = "arrived"
    SEND_AGAIN = "send_again"
    CONNECT = "connect"
    PAUSE = "pause"
    RESUME = "resume"
    THRESHOLDS = "thresholds"
    OPEN_ACCOUNT = "open_account"
    RESTORED = "restored"
    BELIEVE_SHORT = "believe_short"
    HOUSEKEEPING = "housekeeping"
    ERASE = "erase"
    RULE = "rule"
    PREFERENCE = "preference"
    STATUS_MAP = "status_map"


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """One decision of a person's.

    Attributes:
        action: one of `Deciding`; a word of its own in a row that an older or newer version wrote.
        partition_key: its property's; None where it is about none, or that is not connected.
        subject: the ids that it is about.
        details: what else belongs to it, by name.
    """

    taken_at: datetime
    action: str
    actor: str
    why: str | None
    property_id: UUID | None
    partition_key: str | None
    subject: Sequence[str]
    details: dict[str, Any]


def record(
    connection: Connection,
    action: Deciding,
    by: str | None,
    why: str | None = None,
    *,
    property_id: UUID | None = None,
    subject: Iterable[object] = (),
    details: Mapping[str, object] | None = None,
) -> None:
    """Puts a decision on record; the caller commits it together with what was decided.

    Args:
        by: who decides; None where no person does (the demo, a test): nothing is recorded then.
        subject: ids of the conversations, changes and leads that it is about.
        details: what else belongs to it; those that are None are left out.
    """
    if by is None:
        return
    told = {name: value for name, value in (details or {}).items() if value is not None}
    values = {
        "action": action.value,
        "by": by,
        "why": why or None,
        "property_id": property_id,
        "subject": [str(one) for one in subject],
        "details": json.dumps(told, default=str),
    }
    connection.execute(QUERIES.record, values)


def history(
    connection: Connection,
    *,
    since: datetime | None = None,
    property_id: UUID | None = None,
    actor: str | None = None,
    most: int,
) -> list[OperatorAction]:
    """What was decided, the newest first, `most` at most.

    Args:
        actor: a part of who it was, in whatever case.
    """
    values = {"since": since, "property_id": property_id, "actor": actor, "most": most}
    return rows_as(OperatorAction, connection.execute(QUERIES.history, values))


def actions_about(connection: Connection, ids: Iterable[object]) -> list[OperatorAction]:
    """What was decided about any of these ids, in order."""
    return rows_as(OperatorAction, connection.execute(QUERIES.about, {"ids": [str(i) for i in ids]}))


def erase_actions(connection: Connection, ids: Iterable[object], patterns: Sequence[str]) -> int:
    """Takes out of the record what may tell of a person: these ids, and why, where it is about one of them or
    matches. That something was decided, when and by whom stays. The caller commits.

    Args:
        patterns: PostgreSQL's regular expressions, which why in lower case is held against.

    Returns:
        In how many rows.
    """
    values = {"ids": [str(i) for i in ids], "patterns": list(patterns)}
    return len(connection.execute(QUERIES.erase, values).all())
