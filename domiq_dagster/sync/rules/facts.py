"""What rules know: the logged change, its conversation, and what this installation has to read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

_UTC = ZoneInfo("UTC")


class FieldKind(StrEnum):
    """What sort of value a field holds, and so which operators it takes."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "moment"
    LOCAL_MOMENT = "local moment"
    TIME_OF_DAY = "time of day"
    ARRAY = "array"
    ANY = "any value"
    OTHER = "other"


CHANGE_FIELDS: Mapping[str, FieldKind] = {
    "old_status": FieldKind.TEXT,
    "new_status": FieldKind.TEXT,
    "status_reason": FieldKind.TEXT,
    "updated_by": FieldKind.TEXT,
    "sync_direction": FieldKind.TEXT,
    "sync_status": FieldKind.TEXT,
    "resman_lead_id": FieldKind.TEXT,
    "created_at": FieldKind.MOMENT,
}
"""The columns of status_sync_log that a condition may read."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What this installation has.

    Attributes:
        conversation: the columns of table conversation, with what they hold.
        messages: whether the messages of a conversation can be counted.
        message_times: whether a message tells when it was written.
    """

    conversation: Mapping[str, FieldKind]
    messages: bool
    message_times: bool = True


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The change before another of the same conversation; `rule_id` is the rule that made it, if one did."""

    change_id: UUID
    rule_id: UUID | None
    chain_depth: int
    old_status: str | None


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One change as it was logged, with its place in a chain of changes.

    Attributes:
        seq: orders the log.
        caused_by: the change that it follows in a chain, where that is known.
        cause_rule_id: the rule that made it.
        chain_depth: how many changes of its chain stand before it.
        before: the change before this one, where `caused_by` is not known and it was asked for.
    """

    change_id: UUID
    seq: int
    conversation_id: UUID
    logged_at: datetime
    caused_by: UUID | None
    cause_rule_id: UUID | None
    chain_depth: int
    old_status: str | None
    new_status: str | None
    status_reason: str | None
    updated_by: str | None
    sync_direction: str | None
    sync_status: str | None
    resman_lead_id: str | None
    created_at: datetime | None
    context_data: Any
    before: Predecessor | None = None

    @property
    def changed_at(self) -> datetime:
        """When the status changed, as the log has it."""
        return self.created_at or self.logged_at


@dataclass(slots=True)
class Facts:
    """One change and its conversation, as conditions read them.

    Attributes:
        change: its values by the names of CHANGE_FIELDS.
        conversation: the status and the columns that the rules need. It is shared by the changes of one
            conversation, so that what a rule does to the lead score is seen by the next change.
        context: the change's context_data.
        changed_at: when the status changed (aware).
        zone: the property's time zone, if known.
        message_count: how many messages the conversation had by then, if a rule needs it.
    """

    change: Mapping[str, Any]
    conversation: dict[str, Any]
    context: Mapping[str, Any]
    changed_at: datetime
    zone: ZoneInfo | None
    message_count: int | None = None

    @property
    def local(self) -> datetime | None:
        """When the status changed, by the property's clock."""
        return None if self.zone is None else self.changed_at.astimezone(self.zone).replace(tzinfo=None)

    @property
    def duration(self) -> float | None:
        """Minutes from the conversation's start to its end, or, while it goes on, to the change."""
        begin, end = self.conversation.get("start_time"), self.conversation.get("end_time")
        if begin is None:
            return None
        end = end or self.changed_at
        if begin.tzinfo is None:  # an installation without time zones keeps UTC
            end = end.astimezone(_UTC).replace(tzinfo=None) if end.tzinfo else end
        return float((end - begin).total_seconds()) / 60
