"""Finding the lead of a conversation that has none yet: by stored id, e-mail, phone, then name.

ResMan does not merge duplicates by itself, so a lead is created only if none of these finds one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking import Contact, contact, contradicts
from domiq_dagster.sync.trace import Trace

_TYPE_ORDER = {"prospect": 0, "applicant": 1, "current_resident": 2, "resident": 2, "lost": 3}


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


class LeadSearch:
    """`mark`: a lead that carries it in an event's comments is ours, whatever else fits."""

    def __init__(self, client: ResManClient, integration: Integration, trace: Trace, mark: str) -> None:
        self._client = client
        self._account = integration.account_id
        self._property = integration.resman_property_id
        self._trace = trace
        self._mark = mark

    def find(
        self,
        stored_id: str | None,
        person: Contact,
        email: str | None,
        phone: str | None,
        first: str | None,
        last: str | None,
    ) -> Found | None:
        """The lead that fits, or None. Raises SeveralLeads, and ResManError where asking fails."""
        c, a, p = self._client, self._account, self._property
        if stored_id:
            record = self._trace.call("search_by_id", lambda: c.search_by_id(a, p, stored_id))
            if record is not None and record.prospect_id:
                return _found(record, "stored_id")
        if person.email and email:
            found = self._among("email", lambda: c.search_by_email(a, p, email), person)
            if found:
                return found
        if person.phone and phone:
            found = self._among("phone", lambda: c.search_by_phone(a, p, phone), person)
            if found:
                return found
        if person.name and first and last:
            return self._among("name", lambda: c.search_by_name(a, p, first, last), person)
        return None

    def _among(self, rule: str, search: Callable[[], list[LeadRecord]], person: Contact) -> Found | None:
        records = self._trace.call(f"search_by_{rule}", search)
        fitting = [r for r in records if r.prospect_id and _fits(rule, r, person)]
        if not fitting:
            return None
        for record in fitting:
            if any(self._mark in (event.comments or "") for event in record.events):
                return _found(record, rule)
        best_rank = min(_rank(r) for r in fitting)
        best = {r.prospect_id: r for r in fitting if _rank(r) == best_rank}
        if len(best) > 1:
            raise SeveralLeads(
                f"{len(best)} leads at ResMan have this {rule}: "
                "merge them in ResMan, then run domiq-sync retry"
            )
        return _found(next(iter(best.values())), rule)


def _fits(rule: str, record: LeadRecord, person: Contact) -> bool:
    """Whether the search's hit really is the person: a search may be laxer than our rule."""
    for member in record.people:
        theirs = contact(member.first_name, member.last_name, member.email, member.phone)
        same = getattr(theirs, rule) is not None and getattr(theirs, rule) == getattr(person, rule)
        if same and not (rule == "name" and contradicts(theirs, person)):
            return True
    return False


def _rank(record: LeadRecord) -> int:
    return _TYPE_ORDER.get(record.customer_type, 4)


def _found(record: LeadRecord, linked_by: str) -> Found:
    assert record.prospect_id is not None
    person_id = record.people[0].person_id if record.people else None
    return Found(record.prospect_id, person_id, record, linked_by)
