"""DomIQ's side of the linking at one property: who waits for a lead, who has one, what people decided.

Loaded once a pull and not changed after that. ResMan's side is never held: 200,000 prospects cost nothing
here unless they look like somebody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.sync.linking import reviews
from domiq_dagster.sync.linking.lookup_keys import keys_of
from domiq_dagster.sync.linking.matching import NONE_SHARED, SharedContacts
from domiq_dagster.sync.linking.staff_contacts import staff_contacts
from domiq_dagster.sync.status_map import RESMAN_LOST

QUERIES = load_queries(__package__, "link_state.sql")


@dataclass(frozen=True, slots=True)
class Fit:
    """A prospect that may be a user: by which rule, at which status, and by what value they are alike."""

    prospect_id: str
    person_id: str | None
    linked_by: str
    status: str
    value: object = field(default=None, repr=False)
    named: int = 0
    """How well the name fits, see `matching.name_fit`."""


@dataclass(frozen=True, slots=True, eq=False)
class WaitingUser:
    """A DomIQ user of whom conversations wait for a lead.

    Attributes:
        waiting: those conversations, the newest first.
        leads: the leads that other conversations of this user have, by prospect.
    """

    id: UUID
    first: str | None = field(repr=False)
    last: str | None = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    waiting: Sequence[UUID]
    leads: Mapping[str, Fit]


@dataclass(frozen=True, slots=True)
class LinkedPerson:
    """A conversation that is linked with a prospect, and the user behind it."""

    prospect_id: str
    conversation_id: UUID
    linked_by: str
    user_id: UUID
    first_name: str | None = field(repr=False)
    last_name: str | None = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the finder has to know of DomIQ, keyed by what it looks it up by.

    Attributes:
        users: who waits, by id.
        by_stored_id: by the lead id that the application wrote into the log itself.
        by_key: by lookup key.
        sought: those keys, and those of people whose lead a full read misses: should it be gone, they wait as
            well.
        same, never: what people decided.
        linked, linked_by_name: the prospects that have a link, and those that have one by name alone.
        listed_under: of each prospect that a review is about the one that the review is listed under.
        rivals: of each user the other prospects that a review found alike: the next read may bring one alone,
            and the others are still there.
        shared: contacts that are nobody's own.
    """

    property_id: UUID
    users: Mapping[UUID, WaitingUser]
    by_stored_id: Mapping[str, WaitingUser]
    by_key: Mapping[object, Sequence[WaitingUser]]
    sought: frozenset[object]
    same: Mapping[str, WaitingUser]
    never: frozenset[tuple[UUID, str]]
    linked: frozenset[str]
    linked_by_name: frozenset[str]
    listed_under: Mapping[str, str]
    rivals: Mapping[UUID, Mapping[str, Fit]]
    shared: SharedContacts

    @property
    def known_prospects(self) -> frozenset[str]:
        """Prospects to look at whoever their people look like."""
        return frozenset({*self.listed_under, *self.same, *self.by_stored_id, *self.linked_by_name})

    @property
    def last_names(self) -> frozenset[object]:
        """The last names among the sought keys."""
        return frozenset(key[1] for key in self.sought if isinstance(key, tuple))


@dataclass(frozen=True, slots=True)
class _Person:
    """A user, by what others know them by."""

    first_name: str | None = field(repr=False)
    last_name: str | None = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class _WaitingConversation(_Person):
    """A conversation that waits for a lead, and the user behind it."""

    conversation_id: UUID
    user_id: UUID
    stored_id: str | None


@dataclass(frozen=True, slots=True)
class _LeadOfUser:
    """A lead that another conversation of a user has; its status where it is stored."""

    user_id: UUID
    prospect_id: str
    person_id: str | None
    linked_by: str
    resman_status: str | None


@dataclass(frozen=True, slots=True)
class _LinkedProspect:
    """A prospect that has a link; `by_name`: one by name alone."""

    prospect_id: str
    by_name: bool


@dataclass(frozen=True, slots=True)
class _ReviewedProspect:
    """A prospect that an open review is about; person and status where it is stored."""

    kind: str
    listed_under: str
    conversation_ids: list[UUID]
    prospect_id: str
    person_id: str | None
    resman_status: str | None


def load_link_state(
    connection: Connection, property_id: UUID, *, shared: SharedContacts = NONE_SHARED
) -> LinkState:
    """Reads DomIQ's side of one property.

    Args:
        shared: what the property's own contacts are at ResMan.
    """
    values = {"property_id": property_id}
    waiting = rows_as(_WaitingConversation, connection.execute(QUERIES.waiting_people, values))
    users = _users(connection, property_id, waiting)
    by_key: dict[object, list[WaitingUser]] = {}
    for user in users.values():
        for key in keys_of(user.first, user.last, user.email, user.phone):
            by_key.setdefault(key, []).append(user)
    soon = {
        key
        for person in rows_as(_Person, connection.execute(QUERIES.people_of_missing, values))
        for key in keys_of(person.first_name, person.last_name, person.email, person.phone)
    }
    linked = rows_as(_LinkedProspect, connection.execute(QUERIES.linked_prospects, values))
    owners = {c: user for user in users.values() for c in user.waiting}
    same, never = _decided(connection, property_id, users, owners)
    listed_under, rivals = _reviewed(connection, property_id, owners)
    return LinkState(
        property_id=property_id,
        users=users,
        by_stored_id={canonical_id(row.stored_id): users[row.user_id] for row in waiting if row.stored_id},
        by_key=by_key,
        sought=frozenset(by_key) | soon,
        same=same,
        never=never,
        linked=frozenset(row.prospect_id for row in linked),
        linked_by_name=frozenset(row.prospect_id for row in linked if row.by_name),
        listed_under=listed_under,
        rivals=rivals,
        shared=shared | staff_contacts(connection, property_id),
    )


def load_linked_people(
    connection: Connection, property_id: UUID, prospect_ids: Iterable[str]
) -> list[LinkedPerson]:
    """Who is linked with these prospects, the newest conversation of each first."""
    values = {"property_id": property_id, "prospect_ids": list(prospect_ids)}
    return rows_as(LinkedPerson, connection.execute(QUERIES.links_to, values))


def _users(
    connection: Connection, property_id: UUID, waiting: Sequence[_WaitingConversation]
) -> dict[UUID, WaitingUser]:
    conversations: dict[UUID, list[UUID]] = {}
    for row in waiting:
        conversations.setdefault(row.user_id, []).append(row.conversation_id)
    leads: dict[UUID, dict[str, Fit]] = {}
    asked = {"property_id": property_id, "user_ids": list(conversations)}
    for lead in rows_as(_LeadOfUser, connection.execute(QUERIES.leads_of_users, asked)):
        fit = Fit(lead.prospect_id, lead.person_id, lead.linked_by, lead.resman_status or RESMAN_LOST)
        leads.setdefault(lead.user_id, {})[lead.prospect_id] = fit
    users: dict[UUID, WaitingUser] = {}
    for row in waiting:
        if row.user_id not in users:
            users[row.user_id] = WaitingUser(
                row.user_id,
                row.first_name,
                row.last_name,
                row.email,
                row.phone,
                waiting=conversations[row.user_id],
                leads=leads.get(row.user_id, {}),
            )
    return users


def _decided(
    connection: Connection,
    property_id: UUID,
    users: Mapping[UUID, WaitingUser],
    owners: Mapping[UUID, WaitingUser],
) -> tuple[dict[str, WaitingUser], frozenset[tuple[UUID, str]]]:
    """What people decided about those who wait."""
    same: dict[str, WaitingUser] = {}
    never: set[tuple[UUID, str]] = set()
    for decision in reviews.decisions_of(connection, property_id):
        user = users.get(decision.user_id) if decision.user_id is not None else None
        user = user or owners.get(decision.conversation_id)
        if user is not None and decision.verdict == reviews.SAME:
            same[decision.prospect_id] = user
        elif user is not None:
            never.add((user.id, decision.prospect_id))
    return same, frozenset(never)


def _reviewed(
    connection: Connection, property_id: UUID, owners: Mapping[UUID, WaitingUser]
) -> tuple[dict[str, str], dict[UUID, dict[str, Fit]]]:
    """What open reviews are about, and the rivals that they name."""
    listed_under: dict[str, str] = {}
    rivals: dict[UUID, dict[str, Fit]] = {}
    values = {"property_id": property_id}
    for row in rows_as(_ReviewedProspect, connection.execute(QUERIES.reviewed_prospects, values)):
        listed_under[row.prospect_id] = row.listed_under
        user = next((owners[c] for c in row.conversation_ids if c in owners), None)
        if row.kind == "several_prospects" and row.resman_status is not None and user is not None:
            fit = Fit(row.prospect_id, row.person_id, "rival", row.resman_status)
            rivals.setdefault(user.id, {})[row.prospect_id] = fit
    return listed_under, rivals
