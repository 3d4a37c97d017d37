"""Worlds: a seeded, made-up one, and worlds given as JSON, in the shape of `GET /_standin/state`.

Every name is made up, every e-mail is at example.com and every phone number is a 555-01xx number.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any, Final

from .posting import lose
from .records import (
    STATUSES,
    Account,
    Employee,
    Event,
    Lease,
    LostReason,
    Person,
    Property,
    Prospect,
    Source,
    decode,
    encode,
)
from .store import Store

_PROPERTIES: Final = (
    ("Juniper Flats", "400", "America/New_York", "Albany", "NY"),
    ("Copper Ridge", "400", "America/Chicago", "Austin", "TX"),
    ("The Larkspur", "400", "America/Denver", "Boulder", "CO"),
    ("Harbor Oaks", "400", "America/New_York", "Savannah", "GA"),
    ("Willow Bend", "400", "America/Chicago", "Omaha", "NE"),
    ("Stonegate Commons", "400", "America/Denver", "Provo", "UT"),
    ("Magnolia Court", "400", "America/New_York", "Raleigh", "NC"),
    ("Prairie Lofts", "401", "America/Chicago", "Tulsa", "OK"),
    ("Sagebrush Terrace", "401", "America/Denver", "Boise", "ID"),
    ("Maple Landing", "401", "America/New_York", "Dayton", "OH"),
    ("Cedar Hollow", "401", "America/Chicago", "Madison", "WI"),
    ("Summit Row", "401", "America/Denver", "Santa Fe", "NM"),
)
_SOURCES: Final = (
    "Property Website",
    "Drive By",
    "Resident Referral",
    "Chatbot",
    "Online Listing",
    "Telephone",
)
_REASONS: Final = (
    "Inactive (Lack of Response)",
    "Price Too High",
    "Leased Elsewhere",
    "No Availability",
    "Location",
    "Did Not Qualify",
)
_FIRST: Final = (
    "Ada", "Bruno", "Celia", "Dario", "Esme", "Felix", "Greta", "Hugo", "Iris", "Jonas", "Kaia", "Leon",
    "Mira", "Nico", "Odette", "Pavel", "Quinn", "Rosa", "Silas", "Tessa", "Ulric", "Vera", "Wren", "Xavier",
    "Yara", "Zeno",
)  # fmt: skip
_LAST: Final = (
    "Alder", "Birch", "Cardell", "Dunmore", "Eastlake", "Fenwick", "Garrow", "Hollis", "Ingram", "Jasper",
    "Kestrel", "Lindqvist", "Marlow", "Northam", "Oakley", "Penrose", "Quill", "Rowan", "Sorrel", "Thorne",
    "Underhill", "Vance", "Whitlock", "Yarrow", "Zeller",
)  # fmt: skip
_AREAS: Final = (
    "202", "203", "205", "206", "208", "210", "212", "213", "214", "215", "216", "217", "219", "224", "225",
    "228", "229", "231", "234", "239", "240", "248", "251", "252", "253", "254", "256", "260", "262", "267",
    "269", "270", "281", "301", "302", "303", "304", "305", "307", "308", "309", "312", "313", "314", "315",
)  # fmt: skip
_FIRST_CONTACTS: Final = (
    "EmailFromProspect",
    "CallFromProspect",
    "WalkIn",
    "EmailFromILS",
    "TextFromProspect",
)
_LATER: Final = ("EmailToProspect", "CallToProspect", "TextToProspect", "Appointment", "Show", "Other")
_WEIGHTS: Final = (78, 12, 6, 4)


class WorldMaker:
    """Fills an empty store.

    The same seed, clock and number of prospects give the same world, ids included.
    """

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.dice = random.Random(f"world:{seed}")
        self._people = count()

    def make(self, prospects: int = 1500) -> None:
        """Two accounts, twelve properties in three time zones, and so many prospects spread over them."""
        for account_id in ("400", "401"):
            self.store.add_account(Account(account_id, self.lost_reasons()))
        for name, account_id, zone, city, state in _PROPERTIES:
            self.store.add_property(self._property(name, account_id, zone, city, state))
        records = list(self.store.properties.values())
        for number in range(prospects):
            self.store.add(self._prospect(records[number % len(records)]))

    def lost_reasons(self) -> list[LostReason]:
        return [LostReason(self.store.new_id(), name) for name in _REASONS]

    def sources(self) -> list[Source]:
        return [Source(self.store.new_id(), self.store.new_id(), name) for name in _SOURCES]

    def employees(self) -> list[Employee]:
        """Four leasing agents and one who is none."""
        return [self._employee(is_leasing=number < 4) for number in range(5)]

    def _employee(self, is_leasing: bool) -> Employee:
        first, last = self.dice.choice(_FIRST), self.dice.choice(_LAST)
        return Employee(
            agent_id=self.store.new_id(),
            person_id=self.store.new_id(),
            first_name=first,
            last_name=last,
            is_leasing=is_leasing,
            user_id=self.store.new_id(),
            email=f"{first}.{last}.staff{self.store.serial}@example.com".lower(),
            security_group="Leasing Agent" if is_leasing else "Maintenance",
        )

    def _property(self, name: str, account_id: str, zone: str, city: str, state: str) -> Property:
        number = len(self.store.properties)
        return Property(
            property_id=self.store.new_id(),
            account_id=account_id,
            name=name,
            time_zone=zone,
            abbreviation="".join(word[0] for word in name.split()) + str(number),
            street_address=f"{100 + number} Example Street",
            city=city,
            state=state,
            zip=f"{10000 + number:05d}",
            phone=f"(201) 555-01{number:02d}",
            email=f"{name.replace(' ', '').lower()}@example.com",
            sources=self.sources(),
            employees=self.employees(),
        )

    def _person(self, main: bool) -> Person:
        number = next(self._people)
        first, last = self.dice.choice(_FIRST), self.dice.choice(_LAST)
        area = _AREAS[number // 100 % len(_AREAS)]
        return Person(
            person_id=self.store.new_id(),
            first_name=first,
            last_name=last,
            email=f"{first}.{last}.{number}@example.com".lower(),
            phone=f"({area}) 555-01{number % 100:02d}",
            phone_type="Cell",
            household_status="Head of Household" if main else "Roommate",
            is_main_contact=main,
            is_head_of_household=main,
            is_lease_signer=True,
            is_guarantor=False,
            is_dependent=False,
            is_excluded_from_occupancy=False,
        )

    def _prospect(self, record: Property) -> Prospect:
        modified = self.store.clock() - timedelta(seconds=self.dice.uniform(60, 60 * 86400))
        created = modified - timedelta(seconds=self.dice.uniform(60, 30 * 86400))
        people = [self._person(main=True)]
        if self.dice.random() < 0.25:
            people.append(self._person(main=False))
        prospect = Prospect(
            prospect_id=self.store.new_id(),
            property_id=record.property_id,
            account_id=record.account_id,
            created_at=created,
            last_modified=modified,
            status=self.dice.choices(STATUSES, _WEIGHTS)[0],
            transaction_source_id=self.dice.choice(record.sources).transaction_source_id,
            agent_id=self.dice.choice([e for e in record.employees if e.is_leasing]).agent_id,
            main_person_id=people[0].person_id,
            people=people,
        )
        self._first_contact(prospect)
        for _ in range(self.dice.choice((0, 0, 1, 2))):
            self._event(prospect, self.dice.choice(_LATER), self.dice.random())
        if prospect.status == "Lost":
            self._lose(prospect)
        elif prospect.status != "Prospect":
            self._lease(prospect)
        prospect.events.sort(key=lambda e: e.posted_at)
        return prospect

    def _event(self, prospect: Prospect, kind: str, share: float) -> Event:
        """An event at a share of the way from creation to the last change."""
        when = prospect.created_at + (prospect.last_modified - prospect.created_at) * share
        event = Event(self.store.new_id(), kind, when, when, agent_id=prospect.agent_id)
        event.reasons = {"Appointment": "Tour", "Show": "Tour done"}.get(kind)
        prospect.events.append(event)
        return event

    def _first_contact(self, prospect: Prospect) -> None:
        event = self._event(prospect, self.dice.choice(_FIRST_CONTACTS), 0.0)
        event.first_contact, event.transaction_source = True, prospect.transaction_source_id
        event.comments = "Asked about apartments."
        prospect.first_contact_method = event.type
        prospect.first_contact_date = event.date
        prospect.first_contact_communication_log_id = event.event_id

    def _lose(self, prospect: Prospect) -> None:
        reason = self.dice.choice(self.store.accounts[prospect.account_id].lost_reasons)
        event = self._event(prospect, "Cancel", 1.0)
        event.transaction_source = reason.id
        lose(prospect, reason.name, event.date)

    def _lease(self, prospect: Prospect) -> None:
        resident = prospect.status == "Resident"
        applied = self._event(prospect, "Application", 0.5)
        lease = Lease(self.store.new_id(), self.store.new_id(), prospect.last_modified)
        lease.unit_id = self.store.new_id()
        lease.unit_number = str(self.dice.randint(101, 420))
        lease.status = "Current" if resident else "Pending"
        lease.application_date = applied.date.date().isoformat()
        lease.scheduled_move_in_date = prospect.last_modified.date().isoformat()
        if resident or self.dice.random() < 0.4:
            lease.approval_date = self._event(prospect, "Approved", 0.8).date.date().isoformat()
        if resident:
            lease.lease_signed_date = self._event(prospect, "LeaseSign", 0.9).date.date().isoformat()
            lease.move_in_date = lease.scheduled_move_in_date
        prospect.lease = lease


def world_head_json(store: Store) -> dict[str, Any]:
    """A world without its prospects, which may be many: each is `encode(prospect)`."""
    return {
        "accounts": list(store.accounts),
        "properties": [encode(p) for p in store.properties.values()],
        "lostReasons": {a.account_id: [encode(r) for r in a.lost_reasons] for a in store.accounts.values()},
    }


def load_world(store: Store, world: Mapping[str, Any]) -> None:
    """Fills an empty store with a given world.

    What is left out is made up or minted: ids, sources, employees, reasons.

    Raises ValueError for anything that cannot be read or refers to what is not there.
    """
    maker = WorldMaker(store, store.seed)
    reasons = world.get("lostReasons", {})
    owners = [a["accountId"] if isinstance(a, dict) else a for a in world.get("accounts", [])]
    properties = world.get("properties", [])
    for account_id in dict.fromkeys([*map(str, owners), *(str(p.get("accountId", "")) for p in properties)]):
        account = Account(account_id, maker.lost_reasons())
        if account_id in reasons:
            account.lost_reasons = [decode(LostReason, _minted(store, r, "id")) for r in reasons[account_id]]
        store.add_account(account)
    for item in properties:
        store.add_property(_property(store, maker, item))
    for item in world.get("prospects", []):
        store.add(prospect_from(store, item))


def _property(store: Store, maker: WorldMaker, item: Mapping[str, Any]) -> Property:
    data = _minted(store, item, "propertyId")
    data["accountId"] = str(data.get("accountId", ""))
    if "sources" in data:
        data["sources"] = [
            _minted(store, s, "transactionSourceId", "prospectSourceId") for s in data["sources"]
        ]
    if "employees" in data:
        data["employees"] = [_minted(store, e, "agentId", "personId") for e in data["employees"]]
    record = decode(Property, data)
    if "sources" not in data:
        record.sources = maker.sources()
    if "employees" not in data:
        record.employees = maker.employees()
    return record


def prospect_from(store: Store, item: Mapping[str, Any]) -> Prospect:
    """A prospect from JSON, not yet in the store: what was left out is filled in. Raises ValueError."""
    data = _minted(store, item, "prospectId")
    record = store.properties.get(str(data.get("propertyId", "")))
    if record is None:
        raise ValueError(f"there is no property {data.get('propertyId')!r}")
    if not data.get("people"):
        raise ValueError("a prospect has at least one person")
    now = store.stamp().isoformat()
    data["accountId"] = record.account_id
    data["people"] = [_minted(store, p, "personId") for p in data["people"]]
    data["events"] = [
        {"postedAt": now, "date": now, **_minted(store, e, "eventId")} for e in data.get("events") or []
    ]
    if data.get("lease") is not None:
        data["lease"] = {"lastModified": now, **_minted(store, data["lease"], "leaseId", "billingAccountId")}
    data.setdefault("lastModified", now)
    data.setdefault("createdAt", data["lastModified"])
    if "transactionSourceId" not in data and record.sources:
        data["transactionSourceId"] = record.sources[0].transaction_source_id
    if "agentId" not in data:
        data["agentId"] = next((e.agent_id for e in record.employees if e.is_leasing), None)
    prospect = decode(Prospect, data)
    if not prospect.main_person_id:
        main = next((p for p in prospect.people if p.is_main_contact), prospect.people[0])
        main.is_main_contact, prospect.main_person_id = True, main.person_id
    return prospect


def _minted(store: Store, item: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {**item, **{name: store.new_id() for name in names if not item.get(name)}}
