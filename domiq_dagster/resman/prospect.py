"""A prospect of an API v2 answer. What every reader wants is read at once; the rest when it is asked for,
since of most prospects that come by, nothing but id, lastModified and hash is looked at.

Keys are read whatever their case: v2 spells its own unevenly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any

from domiq_dagster.resman.dates import as_instant, parse_when
from domiq_dagster.resman.models import Lease, Person

_SHAPES: dict[tuple[str, ...], Mapping[str, str]] = {}
_MAX_SHAPES = 1_000
_HASH_DIGITS = 32
_NEEDED = ("prospectId", "status", "lastModified")
_CONTACT = ("firstName", "lastName", "email", "phone")
_needed, _contact = itemgetter(*_NEEDED), itemgetter(*_CONTACT)

Contacts = tuple[str | None, str | None, str | None, str | None]


class Unreadable(ValueError):
    """A prospect lacks something without which it is none; the text names the key."""


class Prospect:
    """A prospect as v2 `GET /Prospects` gives it. `repr` shows no person's data.

    status: `Prospect`, `Lost`, `Applicant`, `Resident`, or a word that we do not know yet. last_modified:
    aware, UTC. content_hash: SHA-256 of its JSON as received, the first 32 hex digits. The same content in
    another spelling has another hash, which costs whoever compares a look that was not needed. Dates are
    aware UTC where ResMan gave a time, dates where it gave a bare date.
    """

    __slots__ = ("_raw", "content_hash", "last_modified", "last_modified_raw", "prospect_id", "status")

    def __init__(self, raw: Mapping[str, Any], text: str) -> None:
        """Takes the object and its JSON. Raises Unreadable."""
        self._raw = raw
        try:
            prospect_id, status, last_modified = _needed(raw)
        except KeyError:
            prospect_id, status, last_modified = (_value(raw, key) for key in _NEEDED)
        self.prospect_id = as_text(prospect_id) or _lacks("prospectId")
        self.status = as_text(status) or _lacks("status")
        self.last_modified_raw = as_text(last_modified) or _lacks("lastModified")
        self.last_modified = _instant(self.last_modified_raw) or _lacks("lastModified")
        self.content_hash = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]

    def __repr__(self) -> str:
        return f"Prospect({self.prospect_id!r}, {self.status!r}, {self.last_modified_raw!r})"

    @property
    def property_id(self) -> str | None:
        return as_text(self._value("propertyId"))

    @property
    def main_person_id(self) -> str | None:
        return as_text(self._value("mainPersonId"))

    @property
    def transaction_source_id(self) -> str | None:
        return as_text(self._value("transactionSourceId"))

    @property
    def prospect_source_id(self) -> str | None:
        return as_text(self._value("prospectSourceId"))

    @property
    def agent_id(self) -> str | None:
        agent = self._value("leasingAgent")
        return as_text(_value(agent, "agentId")) if isinstance(agent, dict) else None

    @property
    def first_contact_date(self) -> datetime | date | None:
        return as_date(self._value("firstContactDate"))

    @property
    def lost_date(self) -> datetime | date | None:
        return as_date(self._value("lostDate"))

    @property
    def lost_reason(self) -> str | None:
        return as_text(self._value("lostReason"))

    @property
    def lease(self) -> Lease | None:
        values = as_object(self._value("lease"))
        return None if values is None else _lease(values)

    @property
    def people(self) -> tuple[Person, ...]:
        return tuple(_person(lowered(raw)) for raw in self._people())

    def contacts(self) -> Iterator[Contacts]:
        """First name, last name, e-mail and phone of each of the people, more cheaply than from `people`."""
        for raw in self._people():
            try:
                first, last, email, phone = _contact(raw)
            except KeyError:
                first, last, email, phone = (_value(raw, key) for key in _CONTACT)
            yield as_text(first), as_text(last), as_text(email), as_text(phone)

    def _people(self) -> Iterator[dict[str, Any]]:
        people = self._value("people")
        for entry in people if isinstance(people, list) else ():
            if isinstance(entry, dict):
                yield entry

    def _value(self, key: str) -> Any:
        return _value(self._raw, key)


def lowered(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The object with its keys in lower case."""
    return {key.lower(): value for key, value in raw.items()}


def _value(raw: Mapping[str, Any], key: str) -> Any:
    """What stands under a key, whatever its case; None where it is missing. It is looked for as ResMan
    documents it first. Objects of one kind have the same keys in the same order, so that how they spell them
    is worked out once."""
    if key in raw:
        return raw[key]
    shape = tuple(raw)
    spelt = _SHAPES.get(shape)
    if spelt is None:
        spelt = {name.lower(): name for name in shape}
        if len(_SHAPES) < _MAX_SHAPES:
            _SHAPES[shape] = spelt
    found = spelt.get(key.lower())
    return None if found is None else raw[found]


def as_text(value: object) -> str | None:
    """A text or number as text; blank is None. NUL and halves of a character go: PostgreSQL holds neither."""
    if isinstance(value, str):
        if not value.isascii():
            value = value.encode("utf-8", "replace").decode()
        if "\0" in value:
            value = value.replace("\0", "")
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def as_date(value: object) -> datetime | date | None:
    """A date that may be missing. One that cannot be read counts as missing, as does .NET's year 1:
    a bad milestone must not cost the whole pull."""
    text = as_text(value)
    if text is None:
        return None
    try:
        when = parse_when(text)
    except ValueError:
        return None
    return when if when.year > 1 else None


def as_object(value: object) -> dict[str, Any] | None:
    return lowered(value) if isinstance(value, dict) else None


def _instant(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is UTC and when.year > 1:
            return when
    except ValueError:
        pass  # another spelling of ISO 8601, perhaps
    slow = as_date(text)
    return None if slow is None else as_instant(slow)


def _lacks(key: str) -> Any:
    raise Unreadable(key)


def _person(values: Mapping[str, Any]) -> Person:
    return Person(
        person_id=as_text(values.get("personid")),
        first_name=as_text(values.get("firstname")),
        last_name=as_text(values.get("lastname")),
        email=as_text(values.get("email")),
        phone=as_text(values.get("phone")),
        is_main=values.get("ismaincontact") is True,
    )


def _lease(values: Mapping[str, Any]) -> Lease:
    return Lease(
        lease_id=as_text(values.get("leaseid")),
        status=as_text(values.get("status")),
        application_date=as_date(values.get("applicationdate")),
        approval_date=as_date(values.get("approvaldate")),
        denial_date=as_date(values.get("denialdate")),
        cancellation_date=as_date(values.get("cancellationdate")),
        lease_signed_date=as_date(values.get("leasesigneddate")),
        move_in_date=as_date(values.get("moveindate")),
    )
