"""Finding out which prospects belong to which conversations, while a pull's prospects stream by.

The rules are in docs/linking.md, each with the test that is named after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.models import Person
from domiq_dagster.resman.prospect import Prospect, RawPerson
from domiq_dagster.sync.linking.matching import (
    NONE_SHARED,
    Ambiguous,
    Contact,
    Match,
    SharedContacts,
    choose,
    contact,
    contradicts,
    find,
    is_open,
    normalise_name,
    normalise_part,
    shared_values,
)
from domiq_dagster.sync.linking.store import Question, ask, link_conversation, staff_contacts, unlink
from domiq_dagster.sync.status_map import RESMAN_LOST, status_with_milestone

QUERIES = load_queries(__package__, "links.sql")
_STRENGTH = {"manual": 4, "stored_id": 3, "email": 2, "phone": 1, "name": 0}
_EXTENSION = bytes.maketrans(b"X#;", b"xxx")
_NEITHER_DIGIT_NOR_EXTENSION = bytes(c for c in range(128) if chr(c) not in "0123456789xX#;\n")
_NO_LONGER_ALIKE = "it was linked by name alone, and an e-mail or phone says now that it is somebody else"


@dataclass(slots=True, eq=False)
class _User:
    """A DomIQ user of whom conversations wait for a lead: those, newest first, and the leads of others. What
    recognises the user is worked out when somebody looks like them, since most never are asked about."""

    id: UUID
    first: str | None = field(repr=False)
    last: str | None = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    waiting: list[UUID] = field(default_factory=list)
    leads: dict[str, _Claim] = field(default_factory=dict)
    contact: Contact | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A prospect that looks like a user, by what value."""

    prospect_id: str
    person_id: str | None
    linked_by: str
    status: str
    value: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A prospect that may belong to somebody: its people, and who of them is the main one."""

    prospect_id: str
    person_id: str | None
    status: str
    people: tuple[tuple[Person, bool], ...] = field(repr=False)


_Household = list[tuple[Contact, list[_User]]]
"""People of one prospect, each with the users that may be them."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A linked prospect whose link is to be looked at again: who its people are, and whom they look like."""

    person_id: str | None
    status: str
    contacts: list[Contact] = field(repr=False)
    household: _Household = field(repr=False)


class LinkFinder:
    """Collects, while prospects stream by, which of them belong to conversations that wait for a lead, and
    which links no longer hold.

    Holds who waits in memory, and never ResMan's side: 200,000 prospects cost nothing here unless they look
    like somebody. Nothing is stored before `store`. `shared`: what the property's own contacts are.
    """

    def __init__(
        self, connection: Connection, property_id: UUID, *, shared: SharedContacts = NONE_SHARED
    ) -> None:
        self._property_id = property_id
        self._shared = shared | staff_contacts(connection, property_id)
        self._users: dict[UUID, _User] = {}
        self._by_stored_id: dict[str, _User] = {}
        self._alike: dict[object, list[_User]] = {}
        self._soon_waiting: set[object] = set()
        self._read_people(connection)
        self._sought = self._alike.keys() | self._soon_waiting
        self._last_names = {key[1] for key in self._sought if isinstance(key, tuple)}
        self._same: dict[str, _User] = {}
        self._never: set[tuple[UUID, str]] = set()
        self._read_decisions(connection)
        linked = connection.execute(
            text(
                "SELECT prospect_id, bool_or(linked_by = 'name') AS by_name FROM domiq_sync.lead_link "
                "WHERE property_id = :p GROUP BY prospect_id"
            ),
            {"p": property_id},
        ).all()
        self._linked = {row.prospect_id for row in linked}
        self._by_name = {row.prospect_id for row in linked if row.by_name}
        self._asked_about: dict[str, str] = {}
        self._looked_at_again: set[str] = set()
        self._rivals: dict[UUID, dict[str, _Claim]] = {}
        self._read_questions(connection)
        self._known = {*self._asked_about, *self._same, *self._by_stored_id, *self._by_name}
        self._claims: dict[UUID, dict[str, _Claim]] = {}
        self._seen_at: set[tuple[object, str]] = set()
        self._questions: dict[str, Question] = {}
        self._doubtful: dict[str, _Seen] = {}

    def _read_people(self, connection: Connection) -> None:
        place = {"property_id": self._property_id}
        for row in connection.execute(QUERIES.waiting_people, place):
            user = self._users.get(row.user_id)
            if user is None:
                user = _User(row.user_id, row.first_name, row.last_name, row.email, row.phone)
                self._users[row.user_id] = user
                for key in _keys(user.first, user.last, user.email, user.phone):
                    self._alike.setdefault(key, []).append(user)
            user.waiting.append(row.conversation_id)
            if row.stored_id:
                self._by_stored_id[row.stored_id] = user
        for row in connection.execute(QUERIES.people_of_missing, place):
            self._soon_waiting.update(_keys(row.first_name, row.last_name, row.email, row.phone))
        rows = connection.execute(QUERIES.leads_of_users, {**place, "user_ids": list(self._users)})
        for row in rows:
            self._users[row.user_id].leads[row.prospect_id] = _Claim(
                row.prospect_id, row.person_id, row.linked_by, row.resman_status or RESMAN_LOST, None
            )

    def _read_decisions(self, connection: Connection) -> None:
        owners = {c: user for user in self._users.values() for c in user.waiting}
        rows = connection.execute(
            QUERIES.decisions,
            {"property_id": self._property_id, "conversation_id": None, "user_id": None},
        )
        for row in rows:
            user = self._users.get(row.user_id) or owners.get(row.conversation_id)
            if user is not None and row.verdict == "same":
                self._same[row.prospect_id] = user
            elif user is not None:
                self._never.add((user.id, row.prospect_id))

    def _read_questions(self, connection: Connection) -> None:
        """Of prospects that were found to look like one user the next read may bring one alone: the others
        are still there."""
        owners = {c: user for user in self._users.values() for c in user.waiting}
        rows = connection.execute(QUERIES.open_prospects, {"property_id": self._property_id})
        for row in rows:
            self._asked_about[row.prospect_id] = row.asked_about
            user = next((owners[c] for c in row.conversation_ids if c in owners), None)
            if row.kind == "several_prospects" and row.resman_status is not None and user is not None:
                rival = _Claim(row.prospect_id, row.person_id, "rival", row.resman_status, None)
                self._rivals.setdefault(user.id, {})[row.prospect_id] = rival

    # Looking

    def sight(self, prospects: Sequence[Prospect]) -> list[Sighting]:
        """What there is to look at of prospects that come by; nothing of nobody's, as most are."""
        known = self._known
        seen = {n for n, p in enumerate(prospects) if p.prospect_id in known}
        if self._sought:
            seen.update(
                self._may_know([(n, person) for n, p in enumerate(prospects) for person in p.raw_people])
            )
        return [_sighting(prospects[n]) for n in sorted(seen)]

    def _may_know(self, people: list[tuple[int, RawPerson]]) -> set[int]:
        """Of people, each with a number first, the numbers of those who share a key with anybody who waits or
        soon may. A full name is worked out only where the last name is one of theirs."""
        sought, last_names = self._sought, self._last_names
        tails = _tails([person.phone for _, person in people])
        found = {n for (n, _), tail in zip(people, tails, strict=True) if tail in sought}
        for n, person in people:
            email, last = person.email, person.last_name
            if (email and _email_key(email) in sought) or (
                last
                and normalise_part(last) in last_names
                and normalise_name(person.first_name, last) in sought
            ):
                found.add(n)
        return found

    def see(self, sighting: Sighting) -> None:
        """Looks at one prospect and everybody of its household."""
        prospect_id, person_id = sighting.prospect_id, sighting.person_id
        status, people = sighting.status, sighting.people
        if prospect_id in self._asked_about:
            self._looked_at_again.add(self._asked_about[prospect_id])
            for rivals in self._rivals.values():
                rivals.pop(prospect_id, None)
        for rule, known in (("manual", self._same), ("stored_id", self._by_stored_id)):
            user = known.get(prospect_id)
            if user is not None and (user.id, prospect_id) not in self._never:
                self._claim(user, _Claim(prospect_id, person_id, rule, status, prospect_id))
                return
        household = [
            (self._contact_of(p, by_name=is_main), alike)
            for p, is_main in people
            if (alike := self._users_like(p, prospect_id, by_name=is_main))
        ]
        if prospect_id in self._by_name or (household and prospect_id in self._linked):
            contacts = [self._contact_of(p, by_name=is_main) for p, is_main in people]
            self._doubtful[prospect_id] = _Seen(person_id, status, contacts, household)
        else:
            self._claim_for(prospect_id, person_id, status, household)

    def _claim_for(
        self,
        prospect_id: str,
        person_id: str | None,
        status: str,
        household: _Household,
        owners: Collection[UUID] = (),
    ) -> None:
        """`owners`: the users that the prospect is linked with; by name alone it is nobody else's then."""
        for person, alike in household:
            found = find(person, [self._recognise(u) for u in alike], [u.id for u in alike])
            if isinstance(found, Match):
                if found.linked_by == "name" and owners and alike[found.index].id not in owners:
                    continue
                value = getattr(person, found.linked_by)
                if found.linked_by != "name":
                    self._seen_at.add((value, prospect_id))
                claim = _Claim(prospect_id, person_id, found.linked_by, status, value)
                self._claim(alike[found.index], claim)
            elif isinstance(found, Ambiguous) and prospect_id not in self._linked:
                self._ask_who(prospect_id, found)

    def _users_like(self, person: Person, prospect_id: str, *, by_name: bool) -> list[_User]:
        """Whoever shares a key with a person: few, if any."""
        if not self._alike:
            return []
        names = (person.first_name, person.last_name) if by_name else (None, None)
        found: dict[UUID, _User] = {}
        for key in _keys(*names, person.email, person.phone):
            for user in self._alike.get(key, ()):
                if (user.id, prospect_id) not in self._never:
                    found[user.id] = user
        return list(found.values())

    def _contact_of(self, person: Person, *, by_name: bool) -> Contact:
        """Only the main person of a household is recognised by name."""
        names = (person.first_name, person.last_name) if by_name else (None, None)
        return contact(*names, person.email, person.phone, shared=self._shared)

    def _recognise(self, user: _User) -> Contact:
        if user.contact is None:
            user.contact = contact(user.first, user.last, user.email, user.phone, shared=self._shared)
        return user.contact

    def _claim(self, user: _User, claim: _Claim) -> None:
        self._claims.setdefault(user.id, {})[claim.prospect_id] = claim

    def _ask_who(self, prospect_id: str, found: Ambiguous) -> None:
        users = [self._users[u] for u in found.groups if isinstance(u, UUID)]
        newest = tuple(sorted(u.waiting[0] for u in users))
        reason = f"several users share its {found.linked_by}"
        self._questions[prospect_id] = Question(
            "several_people", (prospect_id,), newest, reason, found.candidates
        )

    # Links that may no longer hold

    def _doubt(self, connection: Connection) -> None:
        """Looks again at linked prospects whose people look like somebody who waits, or that were linked by
        name alone; the others' links stand whatever becomes of their contact."""
        rows = connection.execute(
            QUERIES.links_to,
            {"property_id": self._property_id, "prospect_ids": list(self._doubtful)},
        ).all()
        owners: dict[str, set[UUID]] = {}
        for row in rows:
            owners.setdefault(row.prospect_id, set()).add(row.user_id)
        for row in rows:
            seen = self._doubtful[row.prospect_id]
            mine = contact(row.first_name, row.last_name, row.email, row.phone, shared=self._shared)
            if not seen.contacts or not all(_speaks_against(theirs, mine) for theirs in seen.contacts):
                continue
            if row.linked_by == "name":
                closed = unlink(
                    connection,
                    property_id=self._property_id,
                    conversation_id=row.conversation_id,
                    prospect_id=row.prospect_id,
                    reason=_NO_LONGER_ALIKE,
                )
                if closed:
                    owners[row.prospect_id].discard(row.user_id)
                if closed and row.user_id in self._users:
                    self._users[row.user_id].leads.pop(row.prospect_id, None)
            elif row.linked_by != "manual":
                self._ask_whose(row.prospect_id, row.conversation_id, row.user_id, seen.household)
        for prospect_id, seen in self._doubtful.items():
            if prospect_id not in self._questions:
                self._claim_for(
                    prospect_id,
                    seen.person_id,
                    seen.status,
                    seen.household,
                    owners.get(prospect_id, ()),
                )

    def _ask_whose(self, prospect_id: str, conversation: UUID, user_id: UUID, household: _Household) -> None:
        """Asks where somebody else who waits is reached as this prospect is now."""
        for person, alike in household:
            others = [u for u in alike if u.id != user_id]
            found = find(person, [self._recognise(u) for u in others], [u.id for u in others])
            if isinstance(found, Match) and found.linked_by != "name":
                self._questions[prospect_id] = Question(
                    "contact_moved",
                    (prospect_id,),
                    (conversation, others[found.index].waiting[0]),
                    f"its {found.linked_by} is now that of another user than the one it is linked with",
                    2,
                )

    # Storing

    def store(self, connection: Connection) -> int:
        """Stores what is certain, closes links that no longer hold and lists what a person has to decide.
        Returns how many conversations were linked."""
        if self._doubtful:
            self._doubt(connection)
        shared = shared_values(str(value) for value, _ in self._seen_at)
        linked = 0
        for user in self._users.values():
            chosen = self._settle(user, list(self._claims.get(user.id, {}).values()), shared)
            if chosen is None:
                continue
            self._questions.pop(chosen.prospect_id, None)
            for conversation_id in user.waiting:
                linked += link_conversation(
                    connection,
                    property_id=self._property_id,
                    conversation_id=conversation_id,
                    prospect_id=chosen.prospect_id,
                    person_id=chosen.person_id,
                    linked_by=chosen.linked_by,
                )
        self._store_questions(connection)
        return linked

    def _settle(self, user: _User, claims: list[_Claim], shared: frozenset[str]) -> _Claim | None:
        """The claim that holds; None where there is none, or, with a question, where none can be told from
        the others."""
        followed = list(user.leads.values())
        told = [c for c in claims if _STRENGTH[c.linked_by] >= _STRENGTH["stored_id"]]
        if not told and len(followed) == 1 and (is_open(followed[0].status) or not claims):
            return next((c for c in claims if c.prospect_id == followed[0].prospect_id), followed[0])
        kept = [c for c in claims if c.linked_by not in ("email", "phone") or str(c.value) not in shared]
        if not kept:
            if claims:
                self._ask_which(user, claims, "more prospects than one person has share the user's contact")
            return None
        strongest = max(_STRENGTH[c.linked_by] for c in kept)
        best = [c for c in kept if _STRENGTH[c.linked_by] == strongest]
        rivals = [] if told else list(self._rivals.get(user.id, {}).values())
        chosen = choose([*best, *rivals], lambda c: c.status)
        if chosen is None:
            self._ask_which(user, [*best, *rivals], "several prospects look like one user")
        return chosen if chosen in best else None

    def _ask_which(self, user: _User, claims: Iterable[_Claim], reason: str) -> None:
        prospects = tuple(sorted(c.prospect_id for c in claims))
        self._questions[prospects[0]] = Question(
            "several_prospects", prospects, tuple(sorted(user.waiting)), reason, len(prospects)
        )

    def _store_questions(self, connection: Connection) -> None:
        for _, question in sorted(self._questions.items()):
            ask(connection, self._property_id, question)
        answered = self._looked_at_again - self._questions.keys()
        values = {"property_id": self._property_id}
        if answered:
            connection.execute(
                QUERIES.close_questions,
                {**values, "prospect_ids": sorted(answered), "resolution": "no longer asked"},
            )
        connection.execute(QUERIES.close_moot_questions, values)


def _sighting(prospect: Prospect) -> Sighting:
    people = prospect.people
    main = next((p for p in people if p.is_main), None) or next(iter(people), None)
    return Sighting(
        prospect.prospect_id,
        prospect.main_person_id,
        status_with_milestone(prospect.status, prospect.lease),
        tuple((p, p is main) for p in people),
    )


def _speaks_against(theirs: Contact, mine: Contact) -> bool:
    return contradicts(theirs, mine) and not isinstance(find(theirs, [mine]), Match)


def _keys(first: str | None, last: str | None, email: str | None, phone: str | None) -> list[object]:
    """What two people who are one have in common, cheaply had: a phone by its last digits, of which the
    library tells only then whether it is the same."""
    keys: list[object] = []
    if email:
        keys.append(_email_key(email))
    if phone and (tail := _tail(phone)):
        keys.append(tail)
    if (name := normalise_name(first, last)) is not None:
        keys.append(name)
    return keys


def _email_key(email: str) -> str:
    return email.strip().lower()


def _tail(phone: str) -> bytes | None:
    """The last seven digits, before an extension."""
    (tail,) = _tails([phone.replace("\n", " ")])
    return tail if len(tail) == 7 else None


def _tails(phones: Sequence[str | None]) -> list[bytes]:
    """The same of many at once, since every prospect's phone is held against those that are sought; of fewer
    digits, those."""
    if not phones:
        return []
    written = "\n".join([phone or "" for phone in phones])
    if written.count("\n") >= len(phones):  # in a phone
        written = "\n".join([(phone or "").replace("\n", " ") for phone in phones])
    digits = written.encode("ascii", "ignore").translate(_EXTENSION, _NEITHER_DIGIT_NOR_EXTENSION)
    tails = digits.split(b"\n")
    if b"x" in digits:
        tails = [tail.partition(b"x")[0] for tail in tails]
    return [tail[-7:] for tail in tails]
