"""What a posted lead does to the store: the rules of PostLeadManagement4_0.

What belongs here: checks and effects of one posted Prospect. What does not: XML (`mits`), transport (`v1`),
or what staff do in ResMan's own screens (`staff`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from .mits import LeadError, PostedCustomer, PostedEvent, PostedLead
from .reading import employee_of
from .records import Account, Event, Person, Property, Prospect, same_id
from .store import Store
from .switches import Switches


@dataclass(frozen=True)
class PostedResult:
    """The prospect, and of it the people and events that this post named, for the answer."""

    prospect: Prospect
    people: list[Person]
    events: list[Event]


class Posting:
    """Takes posted leads for one property."""

    def __init__(self, store: Store, switches: Switches, record: Property) -> None:
        self.store = store
        self.switches = switches
        self.property = record
        self.account: Account = store.accounts[record.account_id]

    def post(self, lead: PostedLead, add_only: bool = False) -> PostedResult:
        """Creates or updates one prospect.

        All checks come first: a refused lead (LeadError) changes nothing.
        """
        prospect = self._existing(lead)
        if prospect is not None and add_only:
            raise LeadError("This method only adds prospects.")
        for event in lead.events:
            self._check_event(event)
        if prospect is None:
            return self._create(lead)
        self._check_update(lead, prospect)
        return self._update(lead, prospect)

    def _existing(self, lead: PostedLead) -> Prospect | None:
        ids = {c.prospect_id.lower() for c in lead.customers if c.prospect_id is not None}
        if not ids:
            if any(c.person_id is not None for c in lead.customers):
                raise LeadError("A PersonID was given without a ProspectID.")
            return None
        if len(ids) > 1:
            raise LeadError("The customers of a prospect name different ProspectIDs.")
        prospect = self.store.prospect_at(self.property.property_id, ids.pop())
        if prospect is None:
            raise LeadError("The Prospect could not be found.")
        return prospect

    def _check_event(self, event: PostedEvent) -> None:
        if event.event_id is not None and self.switches.event_id_policy == "refuse":
            raise LeadError("An EventID cannot be posted.")
        source = event.transaction_source
        if event.type == "Cancel":
            if self.switches.strict_lost_reasons and self.account.lost_reason(source) is None:
                raise LeadError("The Lost Prospect Reason could not be found.")
        elif source is not None and self.property.source(source) is None:
            raise LeadError("The Transaction Source could not be found for this property.")
        if event.agent_id is not None and self.switches.strict_agents:
            agent = employee_of(self.property, event.agent_id, self.switches)
            if agent is None:
                raise LeadError("The Agent could not be found for this property.")
            if not agent.is_leasing:
                raise LeadError("The Agent is not a leasing agent.")
        longest = self.switches.max_comment_length
        if longest is not None and len(event.comments or "") > longest:
            raise LeadError(f"Comments cannot be longer than {longest} characters.")

    def _check_update(self, lead: PostedLead, prospect: Prospect) -> None:
        for customer in lead.customers:
            if customer.person_id is not None and prospect.person(customer.person_id) is None:
                raise LeadError("The PersonID does not belong to the Prospect.")
            if customer.person_id is None:
                # A customer without a PersonID is a new roommate, and needs a name of its own.
                _require_name(customer)
        if lead.events and lead.customers[0].person_id is None:
            raise LeadError("A PersonID is required to add events to a Prospect.")
        cancels = any(e.type == "Cancel" for e in lead.events)
        converted = prospect.status in ("Applicant", "Resident")
        if cancels and converted and self.switches.cancel_after_conversion == "error":
            raise LeadError(f"The Prospect is already {prospect.status}.")

    def _create(self, lead: PostedLead) -> PostedResult:
        first = self._check_create(lead)
        now = self.store.stamp()
        prospect = Prospect(
            prospect_id=self.store.new_id(),
            property_id=self.property.property_id,
            account_id=self.property.account_id,
            created_at=now,
            last_modified=now,
            preferences_xml=lead.preferences_xml,
        )
        people = [self._new_person(prospect, customer) for customer in lead.customers]
        self.store.add(prospect)
        with self.store.revising(prospect):
            events = []
            for posted in lead.events:
                # The first contact of a new prospect is one, whether or not the post says so.
                posted = replace(posted, first_contact=True) if posted is first else posted
                events.append(self._take_event(prospect, posted))
            self._move_status(prospect, lead)
        return PostedResult(prospect, people, events)

    def _check_create(self, lead: PostedLead) -> PostedEvent:
        main = lead.customers[0]
        for customer in lead.customers:
            _require_name(customer)
        if main.email is None and main.phone is None:
            raise LeadError("An Email or a Phone is required.")
        first = next((e for e in lead.events if e.first_contact), next(iter(lead.events), None))
        if first is None or first.agent_id is None:
            raise LeadError("An Agent is required.")
        if first.transaction_source is None or first.type == "Cancel":
            raise LeadError("A Transaction Source is required.")
        if self.switches.duplicate_policy == "refuse":
            property_id = self.property.property_id
            taken = self.store.with_email(property_id, main.email or "") or self.store.with_phone(
                property_id, main.phone or ""
            )
            if taken:
                raise LeadError("A prospect with this email or phone already exists.")
        return first

    def _update(self, lead: PostedLead, prospect: Prospect) -> PostedResult:
        with self.store.revising(prospect):
            people = []
            for customer in lead.customers:
                person = prospect.person(customer.person_id) if customer.person_id else None
                if person is None:
                    person = self._new_person(prospect, customer)
                else:
                    _overwrite(person, customer)
                people.append(person)
            if lead.preferences_xml is not None:
                prospect.preferences_xml = lead.preferences_xml
            events = [self._take_event(prospect, posted) for posted in lead.events]
            self._move_status(prospect, lead)
        return PostedResult(prospect, people, events)

    def _new_person(self, prospect: Prospect, customer: PostedCustomer) -> Person:
        main = not prospect.people
        person = Person(
            person_id=self.store.new_id(),
            household_status="Head of Household" if main else "Roommate",
            is_main_contact=main,
            is_head_of_household=main,
            is_lease_signer=True,
        )
        _overwrite(person, customer)
        prospect.people.append(person)
        if main:
            prospect.main_person_id = person.person_id
        return person

    def _take_event(self, prospect: Prospect, posted: PostedEvent) -> Event:
        event = self._event_to_edit(prospect, posted.event_id)
        if event is not None and self.switches.event_id_policy == "keep":
            return event
        if event is None:
            now = self.store.stamp()
            event = Event(self.store.new_id(), posted.type, posted.date, now)
            prospect.events.append(event)
        event.type, event.date = posted.type, posted.date
        agent = employee_of(self.property, posted.agent_id, self.switches)
        agent_id = posted.agent_id if agent is None else agent.agent_id
        event.agent_id = agent_id or event.agent_id
        event.transaction_source = posted.transaction_source or event.transaction_source
        event.first_contact = posted.first_contact
        event.comments, event.reasons = posted.comments, posted.reasons
        if posted.first_contact:
            prospect.first_contact_method = event.type
            prospect.first_contact_date = event.date
            prospect.first_contact_communication_log_id = event.event_id
            prospect.agent_id = agent_id or prospect.agent_id
            if posted.type != "Cancel":
                prospect.transaction_source_id = posted.transaction_source or prospect.transaction_source_id
        return event

    def _event_to_edit(self, prospect: Prospect, event_id: str | None) -> Event | None:
        if event_id is None or self.switches.event_id_policy == "ignore":
            return None
        return next((e for e in prospect.events if same_id(e.event_id, event_id)), None)

    def _move_status(self, prospect: Prospect, lead: PostedLead) -> None:
        kind = lead.customers[0].type
        cancel = next((e for e in lead.events if e.type == "Cancel"), None)
        if cancel is not None or kind == "lost":
            enough = (cancel is not None and kind == "lost") or not self.switches.cancel_needs_lost_type
            converted = prospect.status in ("Applicant", "Resident")
            if enough and not (converted and self.switches.cancel_after_conversion == "ignore"):
                reason = self.account.lost_reason(cancel.transaction_source) if cancel is not None else None
                lose(
                    prospect,
                    None if reason is None else reason.name,
                    cancel.date if cancel else self.store.clock(),
                )
        elif kind == "prospect" and prospect.status == "Lost":
            asked = any(e.type == "ReActivate" for e in lead.events)
            if asked or self.switches.activity_reactivates:
                reactivate(prospect)


def lose(prospect: Prospect, reason: str | None, when: datetime) -> None:
    """Makes a prospect Lost."""
    prospect.status, prospect.lost_date, prospect.lost_reason = "Lost", when, reason


def reactivate(prospect: Prospect) -> None:
    """Makes a prospect a Prospect again, and forgets that it was lost."""
    prospect.status, prospect.lost_date, prospect.lost_reason = "Prospect", None, None


def _require_name(customer: PostedCustomer) -> None:
    if customer.last_name is None:
        raise LeadError("A LastName is required.")
    if customer.first_name is None:
        raise LeadError("A FirstName is required.")


def _overwrite(person: Person, customer: PostedCustomer) -> None:
    """What was sent replaces what was there; this is how integrations spoil the records of residents."""
    person.first_name = customer.first_name or person.first_name
    person.last_name = customer.last_name or person.last_name
    person.email = customer.email or person.email
    if customer.phone is not None:
        person.phone, person.phone_type = customer.phone, (customer.phone_type or "cell").capitalize()
