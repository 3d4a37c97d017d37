"""One lead seen whole: both sides' statuses over time, and all that is on record of it: changes, rules,
notices, conflicts, links and why, what people decided. Without anything that names its person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.sync.monitoring.explain import Explained, explain
from domiq_dagster.sync.operator_actions import OperatorAction, actions_about
from domiq_dagster.sync.status_map import CUSTOMER_TYPES

QUERIES = load_queries(__package__, "lead.sql")
_StatusSeen = tuple[datetime, str, str | None]
"""When which side (`domiq`, `resman`) was seen at which status."""
MOST_LEADS = 20
"""So many leads are told of one id: a person's, as a rule, are one or two."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an id was found to be: `conversation`, `user of DomIQ`, `change`, `lead at ResMan` or `person at
    ResMan`, and which lead that is: by its prospect, or, where it has none, by its conversation."""

    found_as: str
    property_id: UUID | None
    prospect_id: str | None
    conversation_id: UUID | None

    @property
    def lead(self) -> tuple[UUID | None, str | UUID | None]:
        """What is the same for all that is one lead."""
        return self.property_id, self.prospect_id or self.conversation_id


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of the timeline: from then on the two sides stood so. None: not known, or not there yet."""

    at: datetime
    domiq_status: str | None
    resman_status: str | None


@dataclass(frozen=True, slots=True)
class LeadStory:
    """A lead.

    Attributes:
        found_as: what the id that was asked for is of it.
        partition_key: its property's; None where it is of none that is connected.
        prospect_id: its id at ResMan; None where it has none yet.
        timeline: how the two sides stood, the oldest first; the last is how they stand now.
        told: its changes, with attempts and rules, and how its conversations stand.
    """

    found_as: Sequence[str]
    partition_key: str | None
    prospect_id: str | None
    lead_known_since: datetime | None
    timeline: Sequence[Moment]
    told: Explained
    links: Sequence[Mapping[str, Any]]
    reviews: Sequence[Mapping[str, Any]]
    conflicts: Sequence[Mapping[str, Any]]
    notices: Sequence[Mapping[str, Any]]
    actions: Sequence[OperatorAction]


def find_lead(connection: Connection, identifier: str) -> list[Found]:
    """What an id means: of a conversation, a lead or a person at ResMan, a user of DomIQ's or a change. Empty
    where nothing is known of it."""
    meant = {"uuid": _uuid(identifier), "text": canonical_id(identifier)}
    rows = connection.execute(QUERIES.meant, meant).all()
    conversations = [r.conversation_id for r in rows if r.conversation_id is not None]
    of_leads = connection.execute(QUERIES.leads_of, {"conversations": conversations})
    linked = {r.conversation_id: (r.property_id, r.prospect_id) for r in of_leads}
    found = []
    for row in rows:
        property_id, prospect_id = linked.get(row.conversation_id, (row.property_id, row.prospect_id))
        found.append(Found(row.found_as, property_id, prospect_id, row.conversation_id))
    return sorted(found, key=lambda f: (str(f.lead), f.found_as))


def lead_story(connection: Connection, found: Sequence[Found]) -> LeadStory:
    """All that is on record of one lead; `found` are the findings that mean it."""
    first = found[0]
    conversations = [f.conversation_id for f in found if f.conversation_id is not None]
    at = {"property_id": first.property_id, "prospect_id": first.prospect_id}
    stored = None
    if first.prospect_id is not None:
        known = connection.scalars(QUERIES.conversations_of, at).all()
        conversations = [*known, *(c for c in conversations if c not in known)]
        stored = connection.execute(QUERIES.stored_lead, at).first()
    told = _explained(connection, conversations)
    ids = {"conversations": conversations, **at}
    changes = [c["change_id"] for c in told.changes]
    notices = connection.execute(QUERIES.notices, {"changes": changes})
    links = _rows(connection.execute(QUERIES.links, ids))
    conflicts = _rows(connection.execute(QUERIES.conflicts, ids))
    keys = {c["partition_key"] for c in told.conversations if c["partition_key"]}
    subjects = [*conversations, *changes, *([first.prospect_id] if first.prospect_id else [])]
    return LeadStory(
        found_as=tuple(dict.fromkeys(f.found_as for f in found)),
        partition_key=(stored.partition_key if stored else None) or next(iter(sorted(keys)), None),
        prospect_id=first.prospect_id,
        lead_known_since=stored.stored_at if stored else None,
        timeline=_timeline([*_seen(told), *_asides(told, links, conflicts)], stored),
        told=told,
        links=links,
        reviews=_rows(connection.execute(QUERIES.reviews, ids)),
        conflicts=conflicts,
        notices=[{**n, "state_reason": told.redacted(None, n["state_reason"])} for n in _rows(notices)],
        actions=actions_about(connection, subjects),
    )


def _explained(connection: Connection, conversations: Sequence[UUID]) -> Explained:
    """The stories of several conversations as one, changes in order."""
    stories = [explain(connection, str(c)) for c in conversations]
    changes = {c["change_id"]: c for story in stories for c in story.changes}
    shown = {c["conversation_id"]: c for story in stories for c in story.conversations}
    ordered = sorted(
        changes.values(), key=lambda c: (c["created_at"] is None, c["created_at"], c["seq"] or 0)
    )
    private = {k: v for story in stories for k, v in story.private.items()}
    return Explained(ordered, list(shown.values()), private)


def _timeline(found: Iterable[_StatusSeen], stored: Any) -> list[Moment]:
    """The two sides at each moment at which one of them was seen to move."""
    seen = sorted(found, key=lambda s: s[0])
    resman_now = stored.resman_status if stored is not None else None
    domiq = resman = None
    moments: list[Moment] = []
    for at, side, status in seen:
        before = domiq, resman
        if side == "domiq":
            domiq = status
        elif resman is None or resman.partition("/")[0] != status:  # v1 tells no milestone
            resman = status
        if (domiq, resman) != before:
            if moments and moments[-1].at == at:
                moments.pop()
            moments.append(Moment(at, domiq, resman))
    if stored is not None and resman_now is not None and resman != resman_now:
        at = max(
            filter(None, (stored.last_modified or stored.stored_at, moments[-1].at if moments else None))
        )
        moments.append(Moment(at, domiq, resman_now))
    return moments


def _seen(told: Explained) -> Iterator[_StatusSeen]:
    """When which side was seen at which status: by the log, what ResMan answered, and what was agreed."""
    for change in told.changes:
        if (at := change["created_at"]) is None:
            continue
        yield at, "domiq", change["new_status"]
        settled = change["settlement"] if isinstance(change["settlement"], dict) else {}
        if change["sync_direction"] == "from_resman" and settled.get("resman_status"):
            yield at, "resman", settled["resman_status"]
        for step in change["steps"]:
            detail = step["detail"] or {}
            if (status := detail.get("answer_status")) is not None:
                yield step["started_at"], "resman", CUSTOMER_TYPES.get(status, status)
            elif step["outcome"] == "ok" and (became := _made(step["action"], detail)) is not None:
                yield step["started_at"], "resman", became
    for shown in told.conversations:
        if shown["agreed_at"] is not None and shown["agreed_resman_status"]:
            yield shown["agreed_at"], "resman", shown["agreed_resman_status"]


def _made(action: str, detail: Mapping[str, Any]) -> str | None:
    """What a post that ResMan took made of the lead; None where it only told something."""
    kind = detail.get("customer_type")
    makes = action in ("create", "reactivate") or kind == "lost"
    return CUSTOMER_TYPES.get(kind) if makes and isinstance(kind, str) else None


def _asides(
    told: Explained, links: Sequence[Mapping[str, Any]], conflicts: Sequence[Mapping[str, Any]]
) -> Iterator[_StatusSeen]:
    """The same by what is on record beside the log: where DomIQ stood when it was linked, and what a conflict
    was about."""
    first: dict[UUID, Mapping[str, Any]] = {}
    for change in told.changes:
        if change["created_at"] is not None:
            first.setdefault(change["conversation_id"], change)
    for link in links:
        begun = first.get(link["conversation_id"])
        if begun is not None and begun["old_status"] and link["linked_at"] < begun["created_at"]:
            yield link["linked_at"], "domiq", begun["old_status"]
    for shown in told.conversations:
        if shown["conversation_id"] not in first and shown["linked_at"] is not None:
            yield shown["linked_at"], "domiq", shown["domiq_status"]
    for conflict in conflicts:
        yield conflict["opened_at"], "domiq", conflict["domiq_status"]
        yield conflict["opened_at"], "resman", conflict["resman_status"]


def _rows(result: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in result.mappings()]


def _uuid(identifier: str) -> str | None:
    try:
        return str(UUID(identifier))
    except ValueError:
        return None
