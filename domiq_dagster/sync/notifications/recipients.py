"""Who a notice goes to: addresses as they are written, and role names made into the addresses of whoever
holds the role at the property now. Nothing here reaches a log line: these are people's own addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from sqlalchemy import Connection

from domiq_dagster.db.json_values import UnreadableJson, as_object
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.trouble import Faults

QUERIES = load_queries(__package__, "recipients.sql")
PRIMARY = "primary"
PROPERTY_MANAGER = "property_manager"
OPERATOR = "operator"
"""As a recipient of the channel `operator`: every address in DOMIQ_OPERATOR_ADDRESS."""
_NOBODY = "recipients names nobody: write a JSON list of addresses or role names"
_DEFAULT_REGION = "US"  # ResMan and DomIQ serve the United States: a number without + is one of theirs

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_SLACK = re.compile(r"[#@+][\w.-]+|[CDGUW][A-Z0-9]{7,}")
_ROLE = re.compile(r"[A-Za-z][A-Za-z _-]{0,59}")


@dataclass(frozen=True, slots=True)
class Address:
    """One recipient. `problem` says why nothing can be sent to it; `recipient` is then what was written.
    `fault`: whether the problem is one of reading who holds the role, and not of what was written."""

    recipient: str = field(repr=False)
    role: str | None = None
    problem: str | None = None
    fault: bool = False


def named(value: Any) -> list[str]:
    """What the `recipients` of a preference, a rule or an alert names: a list of texts, one text, or a list
    of objects with an `address`, `email`, `phone`, `channel` or `role`. Anything else names nobody."""
    items: Iterable[Any] = value if isinstance(value, list) else [value]
    found = []
    for item in items:
        if isinstance(item, Mapping):
            item = next(
                (item[k] for k in ("address", "email", "phone", "channel", "role") if item.get(k)), None
            )
        if isinstance(item, str) and item.strip():
            found.append(item.strip())
    return list(dict.fromkeys(found))


def normal(channel: str, written: str) -> str | None:
    """The address in the one form that the channel takes (a phone number as +12125550123), or None where it
    is no address of that channel. What the channel `in_app` names is taken as it is."""
    written = written.strip()
    if channel == "email":
        return written if _EMAIL.fullmatch(written) else None
    if channel == "slack":
        return written if _SLACK.fullmatch(written) or _EMAIL.fullmatch(written) else None
    if channel == "sms":
        try:
            number = phonenumbers.parse(written, _DEFAULT_REGION)
        except phonenumbers.NumberParseException:
            return None
        possible = phonenumbers.is_possible_number(number)
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else None
    return written or None


def resolve(connection: Connection, property_id: UUID | None, value: Any, channel: str) -> list[Address]:
    """The recipients that a preference, a rule or an alert names, for a channel.

    Args:
        connection: any.
        property_id: where roles are held; None for none, and then no role is known.
        value: what was written, of any shape; see `named`.
        channel: names for `in_app` stay names, as do those for `operator`.

    Returns:
        Each address once. Nothing is raised for what was written: a role that nobody holds, or a text that is
        no address of the channel, comes back as an Address with a `problem`. So does an assignment that
        cannot be read, beside those that hold the role: nobody knows whether it would.
    """
    if isinstance(value, UnreadableJson):
        return [Address("(nobody)", problem=f"recipients cannot be read: {value.reason}")]
    names = named(value)
    if not names:
        return [Address("(nobody)", problem=_NOBODY)]
    found: list[Address] = []
    staff: _Staff | str | None = None
    for name in names:
        if channel in ("in_app", OPERATOR):
            found.append(Address(name))
        elif (address := normal(channel, name)) is not None:
            found.append(Address(address))
        elif not _ROLE.fullmatch(name):
            found.append(Address(name, problem=f"this is neither an address for {channel} nor a role"))
        else:
            if staff is None:
                staff = _staff(connection, property_id)
            found += _of_role(staff, name, channel)
    return list({a.recipient: a for a in found}.values())


@dataclass(frozen=True, slots=True)
class _Holder:
    """One assignment that holds today."""

    role: str
    is_primary: bool
    contact: Mapping[str, Any] = field(repr=False)
    wishes: Mapping[str, Any] = field(repr=False)

    def address(self, channel: str) -> str | None:
        """As the assignment's notification_preferences have it, else as the person's own row."""
        wish = self.wishes.get(channel)
        own = wish.get("address") if isinstance(wish, Mapping) else wish
        written = own if isinstance(own, str) else self.contact.get("phone" if channel == "sms" else "email")
        return normal(channel, written) if isinstance(written, str) else None

    def wants(self, channel: str) -> bool:
        """The shape of notification_preferences is DomIQ's own; only a plain no is taken for one."""
        wish = self.wishes.get(channel)
        listed = self.wishes.get("channels")
        if wish is False or (isinstance(wish, Mapping) and wish.get("enabled") is False):
            return False
        return not isinstance(listed, list) or channel in listed


@dataclass(frozen=True, slots=True)
class _Staff:
    """Who is assigned to a property today.

    Attributes:
        unreadable: what is wrong with the assignments that cannot be read.
    """

    holders: Sequence[_Holder]
    unreadable: Sequence[str]


def _of_role(staff: _Staff | str, name: str, channel: str) -> Iterator[Address]:
    role = _word(name)
    if isinstance(staff, str):
        yield Address(name, role, staff)
        return
    holders = [h for h in staff.holders if h.role == role or (role == PRIMARY and h.is_primary)]
    if role == PROPERTY_MANAGER and not holders:
        holders = [h for h in staff.holders if h.is_primary]
    if staff.unreadable:
        why = f"{len(staff.unreadable)} assignments to the property cannot be read: {staff.unreadable[0]}"
        yield Address(f"{name} (unreadable)", role, why, fault=True)
    if not holders and not staff.unreadable:
        yield Address(name, role, f"nobody holds the role {role} at this property now")
    if not holders:
        return
    willing = [h for h in holders if h.wants(channel)]
    addresses = [a for h in willing if (a := h.address(channel)) is not None]
    if not addresses:
        why = f"has {'a phone number' if channel == 'sms' else 'an address'} for {channel}"
        why = why if willing else f"wants notices by {channel}"
        yield Address(name, role, f"nobody who holds the role {role} {why}")
    for address in addresses:
        yield Address(address, role)


def _staff(connection: Connection, property_id: UUID | None) -> _Staff | str:
    """Who is assigned to the property today, in its own zone; or why that cannot be asked."""
    if property_id is None:
        return "a role needs a property, and this notice has none"
    for table in ("property_manager", "property_manager_assignment"):
        if not connection.scalar(QUERIES.table_exists, {"name": table}):
            return f"roles cannot be looked up: this database has no table {table}; write addresses instead"
    rows = connection.execute(QUERIES.assignments, {"property_id": property_id})
    faults = Faults("a property manager's assignment (no. {}) cannot be read")
    found = []
    for number, row in enumerate(rows, 1):
        with faults.of(str(number)):
            assignment, person = as_object(row.assignment), as_object(row.person)
            if _is_current(assignment, row.now.astimezone(zone(row.time_zone)).date()):
                found.append(_holder(assignment, person))
    return _Staff(found, list(faults.sentences.values()))


def _holder(assignment: Mapping[str, Any], person: Mapping[str, Any]) -> _Holder:
    wishes = assignment.get("notification_preferences")
    return _Holder(
        role=_word(str(person.get("role") or "")),
        is_primary=bool(assignment.get("is_primary")),
        contact=person,
        wishes=wishes if isinstance(wishes, dict) else {},
    )


def zone(name: str | None) -> ZoneInfo:
    """The zone of this IANA name; UTC where there is none or nobody knows it."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _is_current(assignment: Mapping[str, Any], today: date) -> bool:
    begins, ends = (_day(assignment.get(name)) for name in ("start_date", "end_date"))
    return (begins is None or begins <= today) and (ends is None or today <= ends)


def _day(value: Any) -> date | None:
    try:
        return datetime.fromisoformat(value).date() if isinstance(value, str) else None
    except ValueError:  # infinity: no bound
        return None


def _word(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower())
