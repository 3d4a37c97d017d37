"""What a rule's condition may look at: the fields of a change, of its conversation and of context_data, and
what is derived from them. Which columns conversation has is asked of the database, never assumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

DERIVED = ("conversation_duration", "message_count", "time_of_day")
PREFIXES = ("change", "conversation", "context_data")


class Kind(StrEnum):
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


CHANGE_FIELDS: Mapping[str, Kind] = {
    "old_status": Kind.TEXT,
    "new_status": Kind.TEXT,
    "status_reason": Kind.TEXT,
    "updated_by": Kind.TEXT,
    "sync_direction": Kind.TEXT,
    "sync_status": Kind.TEXT,
    "resman_lead_id": Kind.TEXT,
    "created_at": Kind.MOMENT,
}
_SHOWN = frozenset({"old_status", "new_status", "updated_by", "sync_direction", "sync_status"})
"""Texts that are words of the sync's own, and may stand in the record of what a rule decided."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What this installation has: the columns of conversation, and whether messages can be counted."""

    conversation: Mapping[str, Kind]
    messages: bool
    message_times: bool = True
    """Whether a message tells when it was written."""


@dataclass(slots=True)
class Facts:
    """One change and its conversation, as conditions read them.

    `conversation` is shared by the changes of one conversation, so that what a rule does to the lead score
    is seen by the next change. `changed_at` is when the status changed; `zone` the property's, if known.
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


_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: how it is read, what it needs to be read, and whether its value may be put on record."""

    name: str
    kind: Kind
    read: Callable[[Facts], Any]
    columns: frozenset[str] = frozenset()
    messages: bool = False
    shown: bool = False


class UnknownField(LookupError):
    """No such field here; the text says what is wrong."""


def find_field(name: str, catalogue: Catalogue) -> Field:
    """The field that a condition names: a derived one, one of the change, a column of conversation, or
    `context_data.x.y`. `change.x` and `conversation.x` say which is meant where both have it.

    Raises UnknownField.
    """
    prefix, _, rest = name.partition(".")
    if prefix == "context_data" and rest:
        return _context_field(name, rest.split("."))
    if prefix == "change" and rest in CHANGE_FIELDS:
        return _change_field(rest)
    if prefix == "conversation" and rest in catalogue.conversation:
        return _column(rest, catalogue)
    if name == "context_data":
        return Field(name, Kind.ANY, lambda facts: facts.context or None)
    if name in DERIVED:
        return _derived(name, catalogue)
    if name in CHANGE_FIELDS:
        return _change_field(name)
    if name in catalogue.conversation:
        return _column(name, catalogue)
    if name == "lead_score":
        raise UnknownField("lead_score cannot be read: table conversation has no such column here")
    raise UnknownField(f"unknown condition {name!r}")


def _context_field(name: str, path: list[str]) -> Field:
    def read(facts: Facts) -> Any:
        value: Any = facts.context
        for key in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value

    return Field(name, Kind.ANY, read)


def _change_field(name: str) -> Field:
    return Field(name, CHANGE_FIELDS[name], lambda facts: facts.change.get(name), shown=name in _SHOWN)


def _column(name: str, catalogue: Catalogue) -> Field:
    kind = catalogue.conversation[name]
    return Field(name, kind, lambda facts: facts.conversation.get(name), frozenset({name}))


def _derived(name: str, catalogue: Catalogue) -> Field:
    if name == "time_of_day":
        return Field(name, Kind.TIME_OF_DAY, lambda facts: facts.local)
    if name == "message_count":
        if not catalogue.messages:
            raise UnknownField(
                "message_count cannot be told: there is no table message with a conversation_id here"
            )
        return Field(name, Kind.NUMBER, lambda facts: facts.message_count, messages=True)
    if catalogue.conversation.get("start_time") not in (Kind.MOMENT, Kind.LOCAL_MOMENT):
        raise UnknownField("conversation_duration cannot be told: conversation has no start_time here")
    columns = {"start_time", "end_time"}.intersection(catalogue.conversation)
    return Field(name, Kind.NUMBER, lambda facts: facts.duration, frozenset(columns))
