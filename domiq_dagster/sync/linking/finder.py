"""Finding out which prospects belong to which conversations, while a pull's prospects stream by.

The rules are in docs/linking.md, each with the test that is named after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.resman.models import Person
from domiq_dagster.resman.prospect import Prospect, RawPerson
from domiq_dagster.sync.linking.link_state import (
    Fit,
    LinkedPerson,
    LinkState,
    WaitingUser,
    load_linked_people,
)
from domiq_dagster.sync.linking.lookup_keys import (
    email_key,
    email_keys,
    further_tails,
    is_one_email,
    keys_of,
    phone_tails,
)
from domiq_dagster.sync.linking.matching import (
    Ambiguous,
    Contact,
    Match,
    choose_named,
    contact,
    contradicts,
    find,
    is_open,
    name_fit,
    normalise_name,
    normalise_part,
    person_contact,
    shared_values,
)
from domiq_dagster.sync.linking.reviews import LinkReview, close_moot_reviews, close_reviews, open_review
from domiq_dagster.sync.linking.store import link_conversation, unlink
from domiq_dagster.sync.status_map import status_with_milestone

_STRENGTH = {"manual": 4, "stored_id": 3, "email": 2, "phone": 1, "name": 0}
_ONE_PHONE = 20
"""A phone that is written no longer is one number."""
_NO_LONGER_ALIKE = "it was linked by name alone, and an e-mail or phone says now that it is somebody else"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pulled prospect that may be somebody DomIQ knows: its people, each with whether it is the main
    one."""

    prospect_id: str
    person_id: str | None
    status: str
    people: tuple[tuple[Person, bool], ...] = field(repr=False)


_Household = list[tuple[Contact, list[WaitingUser]]]
"""People of one prospect, each with the users that may be them."""


@dataclass(frozen=True, slots=True)
class _LinkedCandidate:
    """A linked prospect whose link is to be looked at again: its people, and whom they look like."""

    candidate: Candidate
    contacts: list[Contact] = field(repr=False)
    household: _Household = field(repr=False)


class LinkFinder:
    """Collects, while prospects stream by, which of them belong to conversations that wait for a lead, and
    which links no longer hold. Nothing is stored before `store`.
    """

    def __init__(self, state: LinkState) -> None:
        self._state = state
        self._known = state.known_prospects
        self._last_names = state.last_names
        self._rivals = {user: dict(fits) for user, fits in state.rivals.items()}
        self._contacts: dict[UUID, Contact] = {}
        """What recognises a user, worked out when somebody looks like them: most never are asked about."""
        self._fits: dict[UUID, dict[str, Fit]] = {}
        self._values_seen: set[tuple[object, str]] = set()
        self._linked_candidates: dict[str, _LinkedCandidate] = {}
        self._reviews: dict[str, LinkReview] = {}
        self._reviewed_again: set[str] = set()

    # Looking

    def prefilter(self, prospects: Sequence[Prospect]) -> list[Candidate]:
        """What there is to look at of prospects that come by; nothing of nobody's, as most are."""
        known = self._known
        chosen = {n for n, p in enumerate(prospects) if p.prospect_id in known}
        if self._state.sought:
            chosen.update(
                self._may_know([(n, person) for n, p in enumerate(prospects) for person in p.raw_people])
            )
        return [_candidate(prospects[n]) for n in sorted(chosen)]

    def _may_know(self, people: list[tuple[int, RawPerson]]) -> set[int]:
        """Of people, each with a number first, the numbers of those who share a key with anybody who waits or
        soon may. A full name is worked out only where the last name is one of theirs."""
        sought, last_names = self._state.sought, self._last_names
        tails = phone_tails([person.phone for _, person in people])
        found = {n for (n, _), tail in zip(people, tails, strict=True) if tail in sought}
        for n, person in people:
            email, phone, last = person.email, person.phone, person.last_name
            if (
                (email and email_key(email) in sought)
                or (email and not is_one_email(email) and not sought.isdisjoint(email_keys(email)))
                or (phone and len(phone) > _ONE_PHONE and not sought.isdisjoint(further_tails(phone)))
                or (
                    last
                    and normalise_part(last) in last_names
                    and normalise_name(person.first_name, last) in sought
                )
            ):
                found.add(n)
        return found

    def observe(self, candidate: Candidate) -> None:
        """Looks at one prospect and everybody of its household."""
        state, prospect_id = self._state, candidate.prospect_id
        if prospect_id in state.listed_under:
            self._reviewed_again.add(state.listed_under[prospect_id])
            for rivals in self._rivals.values():
                rivals.pop(prospect_id, None)
        for rule, known in (("manual", state.same), ("stored_id", state.by_stored_id)):
            user = known.get(prospect_id)
            if user is not None and (user.id, prospect_id) not in state.never:
                self._note(user, candidate, rule, prospect_id)
                return
        household = [
            (self._contact_of(p, by_name=is_main), alike)
            for p, is_main in candidate.people
            if (alike := self._users_like(p, prospect_id, by_name=is_main))
        ]
        if prospect_id in state.linked_by_name or (household and prospect_id in state.linked):
            contacts = [self._contact_of(p, by_name=is_main) for p, is_main in candidate.people]
            self._linked_candidates[prospect_id] = _LinkedCandidate(candidate, contacts, household)
        else:
            self._note_household(candidate, household)

    def _note_household(
        self, candidate: Candidate, household: _Household, owners: Collection[UUID] = ()
    ) -> None:
        """Notes whom the people of a prospect match. `owners`: the users that the prospect is linked with; by
        name alone it is nobody else's then."""
        prospect_id = candidate.prospect_id
        for person, alike in household:
            found = find(person, [self._recognise(u) for u in alike], [u.id for u in alike])
            if isinstance(found, Match):
                user, rule = alike[found.index], found.linked_by
                if rule == "name" and owners and user.id not in owners:
                    continue
                if rule != "name":
                    self._values_seen.add((found.value, prospect_id))
                self._note(user, candidate, rule, found.value, name_fit(person, self._recognise(user)))
            elif isinstance(found, Ambiguous) and prospect_id not in self._state.linked:
                self._review_who(prospect_id, found)

    def _note(
        self, user: WaitingUser, candidate: Candidate, linked_by: str, value: object, named: int = 0
    ) -> None:
        fit = Fit(candidate.prospect_id, candidate.person_id, linked_by, candidate.status, value, named)
        fits = self._fits.setdefault(user.id, {})
        known = fits.get(candidate.prospect_id)
        # Of a household that shares an e-mail each member fits: the prospect fits as the best of them does.
        if known is None or (_STRENGTH[linked_by], named) >= (_STRENGTH[known.linked_by], known.named):
            fits[candidate.prospect_id] = fit

    def _users_like(self, person: Person, prospect_id: str, *, by_name: bool) -> list[WaitingUser]:
        """Whoever shares a key with a person: few, if any."""
        by_key, never = self._state.by_key, self._state.never
        if not by_key:
            return []
        names = (person.first_name, person.last_name) if by_name else (None, None)
        found: dict[UUID, WaitingUser] = {}
        for key in keys_of(*names, "; ".join(person.emails), "; ".join(person.phones)):
            for user in by_key.get(key, ()):
                if (user.id, prospect_id) not in never:
                    found[user.id] = user
        return list(found.values())

    def _contact_of(self, person: Person, *, by_name: bool) -> Contact:
        """Only the main person of a household is recognised by name."""
        return person_contact(
            person.first_name,
            person.last_name,
            person.emails,
            person.phones,
            shared=self._state.shared,
            by_name=by_name,
        )

    def _recognise(self, user: WaitingUser) -> Contact:
        known = self._contacts.get(user.id)
        if known is None:
            known = contact(user.first, user.last, user.email, user.phone, shared=self._state.shared)
            self._contacts[user.id] = known
        return known

    def _review_who(self, prospect_id: str, found: Ambiguous) -> None:
        users = [self._state.users[u] for u in found.groups if isinstance(u, UUID)]
        newest = tuple(sorted(u.waiting[0] for u in users))
        reason = f"several users share its {found.linked_by}"
        self._reviews[prospect_id] = LinkReview(
            "several_people", (prospect_id,), newest, reason, found.candidates
        )

    # Links that may no longer hold

    def _look_at_links(self, connection: Connection) -> set[tuple[UUID, str]]:
        """Looks again at linked prospects whose people look like somebody who waits, or that were linked by
        name alone; the others' links stand whatever becomes of their contact.

        Returns:
            The links that were closed: user and prospect.
        """
        closed: set[tuple[UUID, str]] = set()
        owners: dict[str, set[UUID]] = {}
        linked = load_linked_people(connection, self._state.property_id, self._linked_candidates)
        for one in linked:
            owners.setdefault(one.prospect_id, set()).add(one.user_id)
        for one in linked:
            if not self._speaks_against(one):
                continue
            if one.linked_by == "name":
                if self._close(connection, one):
                    owners[one.prospect_id].discard(one.user_id)
                    closed.add((one.user_id, one.prospect_id))
            elif one.linked_by != "manual":
                self._review_whose(one)
        for prospect_id, again in self._linked_candidates.items():
            if prospect_id not in self._reviews:
                self._note_household(again.candidate, again.household, owners.get(prospect_id, ()))
        return closed

    def _speaks_against(self, linked: LinkedPerson) -> bool:
        """Whether everybody of the prospect is somebody else than the user it is linked with."""
        contacts = self._linked_candidates[linked.prospect_id].contacts
        mine = contact(
            linked.first_name, linked.last_name, linked.email, linked.phone, shared=self._state.shared
        )
        return bool(contacts) and all(
            contradicts(theirs, mine) and not isinstance(find(theirs, [mine]), Match) for theirs in contacts
        )

    def _close(self, connection: Connection, linked: LinkedPerson) -> bool:
        return unlink(
            connection,
            property_id=self._state.property_id,
            conversation_id=linked.conversation_id,
            prospect_id=linked.prospect_id,
            reason=_NO_LONGER_ALIKE,
        )

    def _review_whose(self, linked: LinkedPerson) -> None:
        """Asks a person where somebody else who waits is reached as this prospect is now."""
        for person, alike in self._linked_candidates[linked.prospect_id].household:
            others = [u for u in alike if u.id != linked.user_id]
            found = find(person, [self._recognise(u) for u in others], [u.id for u in others])
            if isinstance(found, Match) and found.linked_by != "name":
                self._reviews[linked.prospect_id] = LinkReview(
                    "contact_moved",
                    (linked.prospect_id,),
                    (linked.conversation_id, others[found.index].waiting[0]),
                    f"its {found.linked_by} is now that of another user than the one it is linked with",
                    2,
                )

    # Storing

    def store(self, connection: Connection) -> int:
        """Stores what is certain, closes links that no longer hold and lists what a person has to decide. The
        caller commits.

        Returns:
            How many conversations were linked.
        """
        closed = self._look_at_links(connection) if self._linked_candidates else set()
        shared = shared_values(str(value) for value, _ in self._values_seen)
        linked = 0
        for user in self._state.users.values():
            leads = [fit for lead, fit in user.leads.items() if (user.id, lead) not in closed]
            chosen = self._choose(user, leads, shared)
            if chosen is None:
                continue
            self._reviews.pop(chosen.prospect_id, None)
            for conversation_id in user.waiting:
                linked += link_conversation(
                    connection,
                    property_id=self._state.property_id,
                    conversation_id=conversation_id,
                    prospect_id=chosen.prospect_id,
                    person_id=chosen.person_id,
                    linked_by=chosen.linked_by,
                )
        self._store_reviews(connection)
        return linked

    def _choose(self, user: WaitingUser, leads: Sequence[Fit], shared: frozenset[str]) -> Fit | None:
        """The fit that holds; None where there is none, or, with a review, where none can be told from the
        others. `leads`: those of the user's other conversations."""
        fits = list(self._fits.get(user.id, {}).values())
        told = [f for f in fits if _STRENGTH[f.linked_by] >= _STRENGTH["stored_id"]]
        if not told and len(leads) == 1 and (is_open(leads[0].status) or not fits):
            return next((f for f in fits if f.prospect_id == leads[0].prospect_id), leads[0])
        kept = [f for f in fits if f.linked_by not in ("email", "phone") or str(f.value) not in shared]
        if not kept:
            if fits:
                self._review_which(user, fits, "more prospects than one person has share the user's contact")
            return None
        strongest = max(_STRENGTH[f.linked_by] for f in kept)
        best = [f for f in kept if _STRENGTH[f.linked_by] == strongest]
        rivals = [] if told else list(self._rivals.get(user.id, {}).values())
        # A rival was not read this time: its name fitted, or it would be none.
        well = max(f.named for f in best)
        chosen = choose_named([*best, *rivals], lambda f: f.named if f in best else well, lambda f: f.status)
        if chosen is None:
            self._review_which(user, [*best, *rivals], "several prospects look like one user")
        return chosen if chosen in best else None

    def _review_which(self, user: WaitingUser, fits: Iterable[Fit], reason: str) -> None:
        prospects = tuple(sorted(f.prospect_id for f in fits))
        self._reviews[prospects[0]] = LinkReview(
            "several_prospects", prospects, tuple(sorted(user.waiting)), reason, len(prospects)
        )

    def _store_reviews(self, connection: Connection) -> None:
        property_id = self._state.property_id
        for _, review in sorted(self._reviews.items()):
            open_review(connection, property_id, review)
        answered = self._reviewed_again - self._reviews.keys()
        if answered:
            close_reviews(connection, property_id, sorted(answered), "no longer asked")
        close_moot_reviews(connection, property_id)


def _candidate(prospect: Prospect) -> Candidate:
    people = prospect.people
    main = next((p for p in people if p.is_main), None) or next(iter(people), None)
    return Candidate(
        prospect.prospect_id,
        prospect.main_person_id,
        status_with_milestone(prospect.status, prospect.lease),
        tuple((p, p is main) for p in people),
    )
