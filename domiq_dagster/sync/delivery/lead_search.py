"""Finding the lead of a conversation that has none yet: by stored id, e-mail, phone, then name.

ResMan does not merge duplicates by itself, so a lead is created only if none of these finds one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import UnreadableRecord
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.sync.delivery.attempts import AttemptLog
from domiq_dagster.sync.delivery.pending_change import PendingChange
from domiq_dagster.sync.delivery.readback import shows
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.matching import (
    NONE_SHARED,
    SHARED_BY,
    Contact,
    SharedContacts,
    choose_named,
    fits,
    name_fit,
    normalise_email,
    normalise_phone,
    person_contact,
    split_emails,
    split_phones,
    untagged,
)
from domiq_dagster.sync.linking.property_contacts import property_contacts
from domiq_dagster.sync.linking.reviews import NOTHING_DECIDED, Decided
from domiq_dagster.sync.status_map import CUSTOMER_TYPES


@dataclass(frozen=True, slots=True)
class Found:
    """A lead that fits. `record` is what was read of it, None where only its id is known."""

    prospect_id: str
    person_id: str | None
    record: LeadRecord | None
    linked_by: str
    just_linked: bool = True


class SeveralLeads(Exception):
    """More than one lead fits equally well; the text says what to do."""

    def __init__(self, message: str, prospect_ids: tuple[str, ...]) -> None:
        super().__init__(message)
        self.prospect_ids = prospect_ids


class LeadSearch:
    """Searches one property for the lead of one person.

    Args:
        attempts: records each search.
        mark: a lead that carries it in an event's comments is ours, whatever else fits.
        decided: what people decided about this person's links.
        shared: contacts that are nobody's own, besides the property's.
    """

    def __init__(
        self,
        client: ResManClient,
        integration: Integration,
        attempts: AttemptLog,
        mark: str,
        decided: Decided = NOTHING_DECIDED,
        shared: SharedContacts = NONE_SHARED,
    ) -> None:
        self._client = client
        self._integration = integration
        self._account = integration.account_id
        self._property = integration.resman_property_id
        self._attempts = attempts
        self._mark = mark
        self._decided = decided
        self._shared = shared
        self._saw_nameless = False

    def find(self, change: PendingChange, person: Contact) -> Found | None:
        """The lead that fits a change's person.

        Args:
            change: names the lead where the application did, and the words to search by.
            person: the same person in the form in which hits are compared.

        Returns:
            The lead; None where none fits, so that one is to be created.

        Raises:
            SeveralLeads: more than one fits.
            ResManError: asking failed.
        """
        c, a, p = self._client, self._account, self._property
        for rule, lead in self._named(change.resman_lead_id):
            record = self._attempts.call("search_by_id", partial(c.search_by_id, a, p, lead))
            if record is not None and record.prospect_id:
                return _found(record, rule)
        first, last = change.first_name, change.last_name
        for email in _searched_emails(change.email) if person.emails else ():
            if found := self._among("email", partial(c.search_by_email, a, p, email), person):
                return found
        for phone in _searched_phones(change.phone) if person.phones else ():
            if found := self._among("phone", partial(c.search_by_phone, a, p, phone), person):
                return found
        found = None
        if person.name and first and last:
            found = self._among("name", partial(c.search_by_name, a, p, first, last), person)
        if found is None and self._saw_nameless:
            # It may be this very person: nobody is created beside them.
            raise UnreadableRecord("a lead that ResMan found for this person shows no id that can be read")
        return found

    def _named(self, stored_id: str | None) -> list[tuple[str, str]]:
        """The prospects that a person, or the application itself, named: each with which of them did."""
        named = [("manual", lead) for lead in sorted(self._decided.same)]
        if stored_id and (lead := canonical_id(stored_id)) not in self._decided.never:
            named.append(("stored_id", lead))
        return named

    def _among(self, rule: str, search: Callable[[], list[LeadRecord]], person: Contact) -> Found | None:
        records = self._attempts.call(f"search_by_{rule}", search)
        fitting = {
            r.prospect_id: r
            for r in records
            if r.prospect_id and r.prospect_id not in self._decided.never and self._fits(rule, r, person)
        }
        self._saw_nameless = self._saw_nameless or any(
            record.prospect_id is None and (not record.people or self._fits(rule, record, person))
            for record in records
        )
        if not fitting:
            return None
        for record in fitting.values():
            if shows(record, self._mark):
                return _found(record, rule)
        if rule != "name" and (len(fitting) >= SHARED_BY or self._is_the_property_s(rule, person)):
            return None
        found = list(fitting.values())
        chosen = choose_named(
            found,
            lambda record: self._name_fit(rule, record, person),
            lambda record: CUSTOMER_TYPES.get(record.customer_type, ""),
        )
        if chosen is None:
            raise SeveralLeads(
                f"{len(found)} leads at ResMan have this {rule}: merge them there, or say which it is with "
                "domiq-sync conflicts; then run domiq-sync retry",
                tuple(sorted(fitting)),
            )
        return _found(chosen, rule)

    def _is_the_property_s(self, rule: str, person: Contact) -> bool:
        """Asked only where something was found: most searches find nobody."""
        own = property_contacts(self._client, self._integration)
        if rule == "email":
            return all(email in own.emails or untagged(email) in own.emails for email in person.emails)
        return all(phone.partition(";")[0] in own.phones for phone in person.phones)

    def _fits(self, rule: str, record: LeadRecord, person: Contact) -> bool:
        """Whether the search's hit really is the person: a search may be laxer than our rule."""
        return any(fits(rule, theirs, person) for theirs in self._contacts(record))

    def _name_fit(self, rule: str, record: LeadRecord, person: Contact) -> int:
        """How well the best named of those fits who are the person by this rule."""
        alike = [theirs for theirs in self._contacts(record) if fits(rule, theirs, person)]
        return max((name_fit(theirs, person) for theirs in alike), default=0)

    def _contacts(self, record: LeadRecord) -> list[Contact]:
        """Everybody of a household. Only the main person is recognised by name."""
        return [
            person_contact(
                member.first_name,
                member.last_name,
                member.emails,
                member.phones,
                shared=self._shared,
                by_name=n == 0,
            )
            for n, member in enumerate(record.people)
        ]


def _searched_emails(text: str | None) -> tuple[str, ...]:
    """What to search by: each address as it is written, and without its plus-tag."""
    written = [email for email in split_emails(text) if normalise_email(email)]
    return tuple(dict.fromkeys([*written, *map(untagged, written)]))


def _searched_phones(text: str | None) -> tuple[str, ...]:
    """What to search by: each number as it is written, and without its extension."""
    found: dict[str, None] = {}
    for written in split_phones(text):
        number, has_extension, _ = (normalise_phone(written) or "").partition(";")
        if number:
            found[written] = None
        if has_extension:
            found[number] = None
    return tuple(found)


def _found(record: LeadRecord, linked_by: str) -> Found:
    assert record.prospect_id is not None
    person_id = record.people[0].person_id if record.people else None
    return Found(record.prospect_id, person_id, record, linked_by)
