"""A prospect of an API v2 answer. What every reader wants is read at once; the rest when it is asked for,
since of most prospects that come by, nothing but id, lastModified and hash is looked at.

msgspec picks what is wanted where the keys are spelled as ResMan documents them. Whatever it does not take
(another spelling, a key left out, something unexpected in its place) is read by the standard library's
decoder and looked up whatever the keys' case, since v2 spells its own unevenly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import xxhash

from domiq_dagster.resman import json_text
from domiq_dagster.resman.dates import as_instant, parse_when
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.resman.models import Lease, Person
from domiq_dagster.resman.redact import describe

_SHAPES: dict[tuple[str, ...], Mapping[str, str]] = {}
_MAX_SHAPES = 1_000

Source = bytes | msgspec.Raw


_STATUSES = {word.lower(): word for word in ("Prospect", "Lost", "Applicant", "Resident")}
_MOST_BITS = 1_000
"""Of a number that is read as a text. Python writes none of thousands of digits."""
WITHOUT_ID = "without id"
"""How the key of an item begins that has none."""
_LONGEST_ID = 100
"""ResMan's ids are GUIDs, of 36 characters. A text without end is none, and no index takes it."""
_MOST_WHOLE = 1e15
"""Up to here a number with a point is the whole number that somebody wrote so."""
_LONGEST_STATUS = 100
_MOST_CONTACTS = 20
_LONGEST_TEXT = 10_000
"""Of any other text. What is longer is cut."""
_TRUTHS = {"true": True, "1": True, "yes": True, "y": True, "t": True,
           "false": False, "0": False, "no": False, "n": False, "f": False}  # fmt: skip
_id_in = re.compile(rb'"prospectid"\s*:\s*"([^"\\\x00-\x1f]{1,100})"', re.IGNORECASE).findall


class Unreadable(ValueError):
    """A prospect lacks something without which it is none.

    Attributes:
        lacks: the key, in the words of ResMan's API.
        prospect_id: its id, where that can be read.
    """

    def __init__(self, lacks: str, prospect_id: str | None = None) -> None:
        super().__init__(lacks)
        self.lacks, self.prospect_id = lacks, prospect_id


@dataclass(frozen=True, slots=True)
class UnreadableProspect:
    """An item of an answer that could not be read. `key` names it: by its id, or, where it has none, by a
    hash of what came, so that the same item has the same name next time. `reason` has nothing of what it
    holds."""

    key: str
    reason: str
    prospect_id: str | None = None


def unreadable(source: Source, error: Exception) -> UnreadableProspect:
    """Names what could not be read, and why."""
    if isinstance(error, Unreadable):
        reason, prospect_id = f"has no readable {error.lacks}", error.prospect_id
    else:
        reason, prospect_id = f"could not be read ({type(error).__name__})", None
    if prospect_id is None and len(ids := set(_id_in(bytes(source)))) == 1:
        prospect_id = as_id(ids.pop().decode("utf-8", "replace"))
    if prospect_id is None or describe(prospect_id) != prospect_id:  # an address or a number is no id
        return UnreadableProspect(f"{WITHOUT_ID} ({xxhash.xxh3_64_hexdigest(source)})", reason)
    return UnreadableProspect(prospect_id, reason, prospect_id)


# None of these fields has a default, so that a key which is not there as documented does not pass for a
# missing value before its other spellings were looked for. But a lease is left out by ResMan until there is
# one: its spellings are fields of their own.


class RawPerson(msgspec.Struct, rename="camel", gc=False):
    """One of a prospect's people, as ResMan gives it: with blanks around, perhaps. `repr` shows nothing."""

    person_id: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    is_main_contact: Any

    def __repr__(self) -> str:
        return "RawPerson()"


class _Agent(msgspec.Struct, rename="camel", gc=False):
    agent_id: str | None


class _Fields(msgspec.Struct, rename="camel", gc=False):
    prospect_id: str | None
    status: str | None
    last_modified: str | None
    property_id: str | None
    main_person_id: str | None
    transaction_source_id: str | None
    prospect_source_id: str | None
    first_contact_date: str | None
    lost_date: str | None
    lost_reason: str | None
    leasing_agent: _Agent | None
    people: tuple[RawPerson, ...] | None
    lease: Any = None
    lease_capital: Any = msgspec.field(name="Lease", default=None)
    lease_upper: Any = msgspec.field(name="LEASE", default=None)


_decode = msgspec.json.Decoder(_Fields).decode


class Prospect(msgspec.Struct, eq=False, gc=False):
    """A prospect as v2 `GET /Prospects` gives it. `repr` shows no person's data.

    Attributes:
        status: `Prospect`, `Lost`, `Applicant`, `Resident`, or a word that we do not know yet.
        last_modified: aware, UTC.
        content_hash: XXH3 of its JSON as received, 128 bits in hex digits. The same content in another
            spelling has another hash, which costs whoever compares a look that was not needed. Dates are
            aware UTC where ResMan gave a time, dates where it gave a bare date.
    """

    prospect_id: str
    status: str
    last_modified: datetime
    last_modified_raw: str
    content_hash: str
    _fields: _Fields

    def __repr__(self) -> str:
        return f"Prospect({self.prospect_id!r}, {self.status!r}, {self.last_modified_raw!r})"

    @property
    def property_id(self) -> str | None:
        return as_id(self._fields.property_id)

    @property
    def main_person_id(self) -> str | None:
        return as_id(self._fields.main_person_id)

    @property
    def transaction_source_id(self) -> str | None:
        return as_id(self._fields.transaction_source_id)

    @property
    def prospect_source_id(self) -> str | None:
        return as_id(self._fields.prospect_source_id)

    @property
    def agent_id(self) -> str | None:
        agent = self._fields.leasing_agent
        return None if agent is None else as_id(agent.agent_id)

    @property
    def first_contact_date(self) -> datetime | date | None:
        return as_date(self._fields.first_contact_date)

    @property
    def lost_date(self) -> datetime | date | None:
        return as_date(self._fields.lost_date)

    @property
    def lost_reason(self) -> str | None:
        return as_text(self._fields.lost_reason)

    @property
    def lease(self) -> Lease | None:
        fields = self._fields
        values = as_object(fields.lease or fields.lease_capital or fields.lease_upper)
        return None if values is None else _lease(values)

    @property
    def people(self) -> tuple[Person, ...]:
        return tuple(
            Person(
                person_id=as_id(p.person_id),
                first_name=as_text(p.first_name),
                last_name=as_text(p.last_name),
                email=as_text(p.email),
                phone=as_text(p.phone),
                is_main=as_truth(p.is_main_contact) is True,
            )
            for p in self._fields.people or ()
        )

    @property
    def raw_people(self) -> tuple[RawPerson, ...]:
        """The same as `people`, more cheaply."""
        return self._fields.people or ()


def read_prospect(source: Source) -> Prospect:
    """Reads a prospect's JSON. Raises Unreadable."""
    fields = _read(source)
    prospect_id = as_id(fields.prospect_id)
    if prospect_id is None:
        raise Unreadable("prospectId")
    raw = as_text(fields.last_modified) or _lacks("lastModified", prospect_id)
    status = _status(fields)
    return Prospect(
        prospect_id,
        status if status and len(status) <= _LONGEST_STATUS else _lacks("status", prospect_id),
        _instant(raw) or _lacks("lastModified", prospect_id),
        raw,
        xxhash.xxh3_128_hexdigest(source),
        fields,
    )


def _status(fields: _Fields) -> str | None:
    """As ResMan documents it, in whatever case it comes; a word that is not known here, as found."""
    word = as_text(fields.status)
    return word if word is None else _STATUSES.get(word.lower(), word)


def _read(source: Source) -> _Fields:
    try:
        return _decode(source)
    except (msgspec.DecodeError, RecursionError):
        return _read_carefully(source)


def _read_carefully(source: Source) -> _Fields:
    try:
        raw = json_text.loads(bytes(source))
    except ValueError:
        raise Unreadable("JSON") from None
    if not isinstance(raw, dict):
        raise Unreadable("prospectId")
    agents, people = _objects(_value(raw, "leasingAgent")), _objects(_value(raw, "people"))
    return _Fields(
        prospect_id=_text(raw, "prospectId"),
        status=_text(raw, "status"),
        last_modified=_text(raw, "lastModified"),
        property_id=_text(raw, "propertyId"),
        main_person_id=_text(raw, "mainPersonId"),
        transaction_source_id=_text(raw, "transactionSourceId"),
        prospect_source_id=_text(raw, "prospectSourceId"),
        first_contact_date=_text(raw, "firstContactDate"),
        lost_date=_text(raw, "lostDate"),
        lost_reason=_text(raw, "lostReason"),
        leasing_agent=_Agent(_text(agents[0], "agentId")) if agents else None,
        people=tuple(_person(p) for p in people),
        lease=_value(raw, "lease"),
    )


def _objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list, or the one that stands in its place."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, dict)]


def _person(raw: Mapping[str, Any]) -> RawPerson:
    return RawPerson(
        person_id=_text(raw, "personId"),
        first_name=_text(raw, "firstName"),
        last_name=_text(raw, "lastName"),
        email=_texts(raw, "email"),
        phone=_texts(raw, "phone"),
        is_main_contact=_value(raw, "isMainContact"),
    )


def _text(raw: Mapping[str, Any], key: str) -> str | None:
    return as_text(_value(raw, key))


def _texts(raw: Mapping[str, Any], key: str) -> str | None:
    """The same, or several of them as one text."""
    value = _value(raw, key)
    if isinstance(value, list):
        return "; ".join(filter(None, map(as_text, value[:_MOST_CONTACTS]))) or None
    return as_text(value)


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
        return value.strip()[:_LONGEST_TEXT] or None
    if isinstance(value, float) and value.is_integer() and abs(value) < _MOST_WHOLE:
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value.bit_length() <= _MOST_BITS else None
    return None


def as_id(value: object) -> str | None:
    """An id, see `ids`; None where it is too long to be one."""
    text = as_text(value)
    return canonical_id(text) if text is not None and len(text) <= _LONGEST_ID else None


def as_truth(value: object) -> bool | None:
    """A boolean, or what stands for one; None where it cannot be told."""
    if isinstance(value, bool):
        return value
    return _TRUTHS.get((as_text(value) or "").lower())


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
    """An object with its keys in lower case; of a list of them the first."""
    found = _objects(value)
    return lowered(found[0]) if found else None


def _instant(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is UTC and when.year > 1:
            return when
    except ValueError:
        pass  # another spelling of ISO 8601, perhaps
    slow = as_date(text)
    return None if slow is None else as_instant(slow)


def _lacks(key: str, prospect_id: str) -> Any:
    raise Unreadable(key, prospect_id)


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
