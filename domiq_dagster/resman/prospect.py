"""A prospect of an API v2 answer. What every reader wants is read at once; the rest when it is asked for,
since of most prospects that come by, nothing but id, lastModified and hash is looked at.

Keys are read whatever their case: v2 spells its own unevenly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from domiq_dagster.resman.dates import as_instant, parse_when
from domiq_dagster.resman.models import Lease, Person

_SHAPES: dict[tuple[str, ...], tuple[str, ...]] = {}
_MAX_SHAPES = 1_000
_HASH_DIGITS = 32


class Unreadable(ValueError):
    """A prospect lacks something without which it is none; the text names the key."""


class Prospect:
    """A prospect as v2 `GET /Prospects` gives it. `repr` shows no person's data.

    status: `Prospect`, `Lost`, `Applicant`, `Resident`, or a word that we do not know yet. last_modified:
    aware, UTC. content_hash: SHA-256 of its JSON as received, the first 32 hex digits. The same content in
    another spelling has another hash, which costs whoever compares a look that was not needed. Dates are
    aware UTC where ResMan gave a time, dates where it gave a bare date.
    """

    __slots__ = ("_values", "content_hash", "last_modified", "last_modified_raw", "prospect_id", "status")

    def __init__(self, raw: Mapping[str, Any], text: str) -> None:
        """Takes the object and its JSON. Raises Unreadable."""
        values = lowered(raw)
        self._values = values
        self.prospect_id = as_text(values.get("prospectid")) or _lacks("prospectId")
        self.status = as_text(values.get("status")) or _lacks("status")
        self.last_modified_raw = as_text(values.get("lastmodified")) or _lacks("lastModified")
        self.last_modified = _instant(self.last_modified_raw) or _lacks("lastModified")
        self.content_hash = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]

    def __repr__(self) -> str:
        return f"Prospect({self.prospect_id!r}, {self.status!r}, {self.last_modified_raw!r})"

    @property
    def property_id(self) -> str | None:
        return as_text(self._values.get("propertyid"))

    @property
    def main_person_id(self) -> str | None:
        return as_text(self._values.get("mainpersonid"))

    @property
    def transaction_source_id(self) -> str | None:
        return as_text(self._values.get("transactionsourceid"))

    @property
    def prospect_source_id(self) -> str | None:
        return as_text(self._values.get("prospectsourceid"))

    @property
    def agent_id(self) -> str | None:
        agent = as_object(self._values.get("leasingagent"))
        return as_text(agent.get("agentid")) if agent else None

    @property
    def first_contact_date(self) -> datetime | date | None:
        return as_date(self._values.get("firstcontactdate"))

    @property
    def lost_date(self) -> datetime | date | None:
        return as_date(self._values.get("lostdate"))

    @property
    def lost_reason(self) -> str | None:
        return as_text(self._values.get("lostreason"))

    @property
    def lease(self) -> Lease | None:
        values = as_object(self._values.get("lease"))
        return None if values is None else _lease(values)

    @property
    def people(self) -> tuple[Person, ...]:
        return tuple(map(_person, self._people()))

    def _people(self) -> Iterator[dict[str, Any]]:
        people = self._values.get("people")
        for entry in people if isinstance(people, list) else ():
            if isinstance(entry, dict):
                yield lowered(entry)


def lowered(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The object with its keys in lower case. Objects of one kind have the same keys in the same order, so
    that lowering them is done once a shape."""
    shape = tuple(raw)
    keys = _SHAPES.get(shape)
    if keys is None:
        keys = tuple(key.lower() for key in shape)
        if len(_SHAPES) < _MAX_SHAPES:
            _SHAPES[shape] = keys
    return dict(zip(keys, raw.values(), strict=True))


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
