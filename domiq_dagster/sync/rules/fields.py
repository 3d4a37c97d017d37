"""What a rule's condition may read: fields of a change, of its conversation and of context_data, and what is
derived from them. Pure.

Which columns conversation has is what the database says, never assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domiq_dagster.sync.rules.facts import CHANGE_FIELDS, Catalogue, Facts, FieldKind

DERIVED = ("conversation_duration", "message_count", "time_of_day")
PREFIXES = ("change", "conversation", "context_data")
_SHOWN = frozenset({"old_status", "new_status", "updated_by", "sync_direction", "sync_status"})
"""Texts that are words of the sync's own, and may stand in the record of what a rule decided."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: how it is read, what it needs to be read, and whether its value may be put on record."""

    name: str
    kind: FieldKind
    read: Callable[[Facts], Any]
    columns: frozenset[str] = frozenset()
    messages: bool = False
    shown: bool = False


class UnknownField(LookupError):
    """No such field here; the text says what is wrong."""


def find_field(name: str, catalogue: Catalogue) -> Field:
    """Finds the field that a condition names.

    A derived one, one of the change, a column of conversation, or `context_data.x.y`. `change.x` and
    `conversation.x` say which is meant where both have it.

    Raises:
        UnknownField: there is none of that name, or this installation lacks what it is read from.
    """
    prefix, _, rest = name.partition(".")
    if prefix == "context_data" and rest:
        return _context_field(name, rest.split("."))
    if prefix == "change" and rest in CHANGE_FIELDS:
        return _change_field(rest)
    if prefix == "conversation" and rest in catalogue.conversation:
        return _column(rest, catalogue)
    if name == "context_data":
        return Field(name, FieldKind.ANY, lambda facts: facts.context or None)
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

    return Field(name, FieldKind.ANY, read)


def _change_field(name: str) -> Field:
    return Field(name, CHANGE_FIELDS[name], lambda facts: facts.change.get(name), shown=name in _SHOWN)


def _column(name: str, catalogue: Catalogue) -> Field:
    kind = catalogue.conversation[name]
    return Field(name, kind, lambda facts: facts.conversation.get(name), frozenset({name}))


def _derived(name: str, catalogue: Catalogue) -> Field:
    if name == "time_of_day":
        return Field(name, FieldKind.TIME_OF_DAY, lambda facts: facts.local)
    if name == "message_count":
        if not catalogue.messages:
            raise UnknownField(
                "message_count cannot be told: there is no table message with a conversation_id here"
            )
        return Field(name, FieldKind.NUMBER, lambda facts: facts.message_count, messages=True)
    if catalogue.conversation.get("start_time") not in (FieldKind.MOMENT, FieldKind.LOCAL_MOMENT):
        raise UnknownField("conversation_duration cannot be told: conversation has no start_time here")
    columns = {"start_time", "end_time"}.intersection(catalogue.conversation)
    return Field(name, FieldKind.NUMBER, lambda facts: facts.duration, frozenset(columns))
