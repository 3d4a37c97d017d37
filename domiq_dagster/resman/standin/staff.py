"""What happens inside ResMan without the API.

Staff edits, merges, and prospects that go Lost by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .instants import parse_instant
from .posting import lose, reactivate
from .records import STATUSES, Event, Lease, Person, Property, Prospect, decode, encode, same_id
from .store import Store

_EDITS: Final = {
    "prospectId", "status", "lostReason", "people", "silent", "lastModified", "agentId",
    "transactionSourceId", "lease", "event",
}  # fmt: skip
INACTIVE: Final = "Inactive (Lack of Response)"


def edit(store: Store, prospect: Prospect, change: Mapping[str, Any]) -> Prospect:
    """A staff edit.

    The keys are those of `_EDITS`. Raises ValueError, before anything is changed, if it makes no sense.

    `silent` leaves lastModified as it is; `lastModified` sets it, even back in time.
    """
    unknown = set(change) - _EDITS
    if unknown:
        raise ValueError(
            f"a prospect has no {', '.join(sorted(unknown))} to edit; there are {', '.join(sorted(_EDITS))}"
        )
    status = change.get("status")
    if status is not None and status not in STATUSES:
        raise ValueError(f"status cannot be {status!r}")
    stamp = parse_instant(change["lastModified"]) if change.get("lastModified") else None
    people = _people(store, prospect, change["people"]) if "people" in change else None
    lease = _lease(store, prospect, change["lease"]) if change.get("lease") else None
    event = _event(store, prospect, change["event"]) if change.get("event") else None
    with store.revising(prospect, silent=bool(change.get("silent")) or stamp is not None):
        if people is not None:
            prospect.people = people
            main = next((p for p in people if p.is_main_contact), people[0])
            prospect.main_person_id = main.person_id
        prospect.agent_id = change.get("agentId", prospect.agent_id)
        prospect.transaction_source_id = change.get("transactionSourceId", prospect.transaction_source_id)
        if status is not None:
            _set_status(store, prospect, status, change.get("lostReason"))
        elif "lostReason" in change and prospect.status == "Lost":
            prospect.lost_reason = change["lostReason"]
        if lease is not None:
            prospect.lease = lease
        if event is not None:
            prospect.events.append(event)
    if stamp is not None:
        prospect.last_modified = stamp
    return prospect


def merge(store: Store, keep: Prospect, drop: Prospect) -> Prospect:
    """Staff merge two cards of one property: `drop` is gone, its events are with `keep`."""
    if keep is drop or keep.property_id != drop.property_id:
        raise ValueError("only two different prospects of one property can be merged")
    store.remove(drop)
    with store.revising(keep):
        keep.events = sorted([*keep.events, *drop.events], key=lambda e: e.posted_at)
        keep.notes = [*keep.notes, *drop.notes]
    return keep


def auto_lose(store: Store, days: float) -> int:
    """Makes Lost every prospect that nothing has touched for so many days. Gives how many."""
    edge = store.clock() - timedelta(days=days)
    idle = [p for p in store.prospects.values() if p.status == "Prospect" and p.last_modified < edge]
    for prospect in idle:
        with store.revising(prospect):
            lose(prospect, INACTIVE, store.clock())
            _log(store, prospect, "Cancel", reasons=f"Prospect Lost: {INACTIVE}")
    return len(idle)


def local_day(record: Property, instant: datetime) -> str:
    """The property's day of an instant, as yyyy-MM-dd; in UTC where the zone is not an IANA name."""
    try:
        zone: ZoneInfo | Any = ZoneInfo(record.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = UTC
    return instant.astimezone(zone).date().isoformat()


def _set_status(store: Store, prospect: Prospect, status: str, reason: str | None) -> None:
    if status == "Lost":
        account = store.accounts[prospect.account_id]
        if reason is None:
            reason = next((r.name for r in account.lost_reasons), None)
        known = account.lost_reason(reason)
        lose(prospect, known.name if known is not None else reason, store.clock())
        _log(store, prospect, "Cancel", reasons=f"Prospect Lost: {prospect.lost_reason}")
    elif status == "Prospect":
        _back_to_prospect(store, prospect)
    else:
        reactivate(prospect)
        prospect.status = "Applicant" if status == "Applicant" else "Resident"
        _advance_lease(store, prospect, signed=status == "Resident")


def _back_to_prospect(store: Store, prospect: Prospect) -> None:
    if prospect.status == "Lost":
        _log(store, prospect, "ReActivate")
    if prospect.lease is not None:
        prospect.lease.status = "Cancelled"
        prospect.lease.cancellation_date = local_day(store.properties[prospect.property_id], store.clock())
        prospect.lease.last_modified = store.stamp()
    reactivate(prospect)


def _advance_lease(store: Store, prospect: Prospect, signed: bool) -> None:
    today = local_day(store.properties[prospect.property_id], store.clock())
    lease = prospect.lease
    if lease is None or lease.status == "Cancelled":
        number = str(101 + store.serial % 800)
        lease = Lease(
            store.new_id(), store.new_id(), store.stamp(), unit_id=store.new_id(), unit_number=number
        )
        lease.application_date = lease.scheduled_move_in_date = today
        prospect.lease = lease
        _log(store, prospect, "Application")
    if signed:
        if lease.approval_date is None:
            lease.approval_date = today
            _log(store, prospect, "Approved")
        if lease.lease_signed_date is None:
            lease.lease_signed_date = today
            _log(store, prospect, "LeaseSign")
        lease.move_in_date = lease.move_in_date or today
    lease.status = "Current" if signed else "Pending"
    lease.last_modified = store.stamp()


def _log(store: Store, prospect: Prospect, kind: str, reasons: str | None = None) -> None:
    now = store.stamp()
    prospect.events.append(Event(store.new_id(), kind, now, now, agent_id=prospect.agent_id, reasons=reasons))


def _people(store: Store, prospect: Prospect, given: list[Mapping[str, Any]]) -> list[Person]:
    """The new household: a personId that is there keeps what was not given; the others are new people."""
    if not given:
        raise ValueError("a prospect has at least one person")
    people = []
    for item in given:
        old = next((p for p in prospect.people if same_id(p.person_id, item.get("personId"))), None)
        person = decode(Person, {**(encode(old) if old is not None else {}), **item})
        person.person_id = person.person_id or store.new_id()
        people.append(person)
    if not any(p.is_main_contact for p in people):
        people[0].is_main_contact = True
    return people


def _lease(store: Store, prospect: Prospect, given: Mapping[str, Any]) -> Lease:
    now = store.stamp()
    old = prospect.lease or Lease(
        store.new_id(), store.new_id(), now, unit_id=store.new_id(), unit_number="100"
    )
    lease = decode(Lease, {**encode(old), **given})
    lease.last_modified = now
    return lease


def _event(store: Store, prospect: Prospect, given: Mapping[str, Any]) -> Event:
    now = store.stamp()
    fresh = Event(store.new_id(), "Other", now, now, agent_id=prospect.agent_id)
    return decode(Event, {**encode(fresh), **given})
