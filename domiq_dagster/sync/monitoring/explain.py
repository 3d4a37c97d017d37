"""The story of a change, a conversation or a lead: who changed what, what was asked of ResMan, what came
back, what was retried by whom, and why it ended so.

Nothing in it names a person unless that is asked for: what the application or ResMan wrote freely is left
out, or told without the person's own values and whatever looks like an address or a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.resman.redact import describe

QUERIES = load_queries(__package__, "explain.sql")
_CONTACT = ("first_name", "last_name", "email", "phone")
_PLAIN = frozenset(
    {
        *("outcome", "event_ids", "marker", "prospect_id", "resman_status"),
        *("at", "by", "property", "since", "after_attempt"),
    }
)
"""Keys of the machinery's own records under which ids, times and words of its own stand."""
_PLAIN_VALUE = re.compile(r"[\w:.,+@\[\]#\-]{1,100}")


@dataclass(frozen=True, slots=True)
class Explained:
    """`changes` in the order in which they were logged, each with its `steps`, `retries` and `rules`;
    `conversations` as they stand now. `private`: what names the person behind each conversation."""

    changes: Sequence[dict[str, Any]]
    conversations: Sequence[dict[str, Any]]
    private: Mapping[UUID, Sequence[str | None]] = field(default_factory=dict, repr=False)

    def redacted(self, conversation_id: UUID | None, words: str | None) -> str | None:
        """What somebody wrote freely about a conversation, without its person."""
        known = self.private.get(conversation_id, ()) if conversation_id is not None else ()
        return describe(words, known)


def explain(connection: Connection, identifier: str, *, with_contact: bool = False) -> Explained:
    """What an id means: empty where nothing is known of it. With `with_contact`, each conversation shows its
    person's name, e-mail address and phone, and what was written freely is told as it is."""
    meant = {"uuid": _uuid(identifier), "text": canonical_id(identifier)}
    ids = connection.scalars(QUERIES.changes_meant, meant).all()
    ids = ids or connection.scalars(QUERIES.changes_named, meant).all()
    rows = connection.execute(QUERIES.changes, {"ids": list(ids)}).all()
    of_changes = list({r.conversation_id for r in rows if r.conversation_id})
    people: dict[UUID, _Person] = {}
    conversations = []
    rows_of = connection.execute(QUERIES.conversations, {**meant, "conversation_ids": of_changes})
    for found in rows_of.mappings():
        shown = dict(found)
        person = _Person(*(shown.pop(name) for name in _CONTACT))
        people[shown["conversation_id"]] = person
        conversations.append({**shown, "contact": person.shown} if with_contact else shown)
    steps, rules = (_by_change(connection, query, ids) for query in ("attempts_of", "rules_of"))
    changes = []
    for row in rows:
        private = None if with_contact else people.get(row.conversation_id, _NOBODY)
        story = _story(dict(row._mapping), steps.get(row.change_id, []), private)
        changes.append({**story, "rules": rules.get(row.change_id, [])})
    return Explained(changes, conversations, {c: person.values for c, person in people.items()})


@dataclass(frozen=True, slots=True)
class _Person:
    """Whoever is behind a conversation."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None

    @property
    def values(self) -> tuple[str | None, ...]:
        return self.first_name, self.last_name, self.email, self.phone

    @property
    def shown(self) -> dict[str, str | None]:
        name = " ".join(part for part in (self.first_name, self.last_name) if part)
        return {"name": name or None, "email": self.email, "phone": self.phone}

    def redacted(self, words: str | None) -> str | None:
        """Words that somebody wrote freely, without the person."""
        return describe(words, self.values)

    def is_named_by(self, value: str) -> bool:
        """Whether a value of the machinery's own kind is one of the person's after all."""
        digits, own = (re.sub(r"\D", "", v or "") for v in (value, self.phone))
        return self.redacted(value) != describe(value) or (bool(own) and len(digits) >= 7 and digits in own)


_NOBODY = _Person()


def _by_change(connection: Connection, query: str, ids: Iterable[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row in connection.execute(QUERIES[query], {"ids": list(ids)}):
        entry = dict(row._mapping)
        found.setdefault(entry.pop("change_id"), []).append(entry)
    return found


def _story(row: dict[str, Any], steps: list[dict[str, Any]], private: _Person | None) -> dict[str, Any]:
    """`private`: whose values must not be told; None where everything may be."""
    context = row.pop("context_data")
    if not isinstance(context, dict):
        context = {} if context is None else {"original": context}
    settlement, retries = context.pop("sync", None), context.pop("retries", [])
    context.pop("workflow_rule", None)  # told as cause_rule_id
    context.pop("tour", None)  # told as the reason, where it moved
    story = {**row, "settlement": settlement, "retries": retries, "steps": steps}
    if private is None:
        return {**story, "context_keys": sorted(context), "context": context}
    lead_id = row["resman_lead_id"]
    return {
        **story,
        "status_reason": private.redacted(row["status_reason"]),
        "resman_lead_id": private.redacted(lead_id) if lead_id and private.is_named_by(lead_id) else lead_id,
        "settlement": _blanked(settlement, private),
        "retries": _blanked(retries, private),
        "context_keys": sorted(private.redacted(key) or "" for key in context),
    }


def _blanked(value: Any, private: _Person, key: str = "") -> Any:
    """A record of the machinery's own, of which the application may have written a part: under other keys
    than the machinery's, and where a value is no id, time or single word, it is told as free words are."""
    if isinstance(value, Mapping):
        return {private.redacted(str(k)): _blanked(v, private, str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_blanked(item, private, key) for item in value]
    if not isinstance(value, str):
        return value
    plain = key in _PLAIN and _PLAIN_VALUE.fullmatch(value) and not private.is_named_by(value)
    return value if plain else private.redacted(value)


def _uuid(identifier: str) -> str | None:
    try:
        return str(UUID(identifier))
    except ValueError:
        return None
