"""Whether a person at ResMan and a DomIQ user are the same, by contact data that stays in memory.

The rule, in this order: e-mail, phone, then full name. An e-mail or phone that many people may share
(placeholders, noreply addresses, the property's own number) never links. A name links only where
neither e-mail nor phone contradicts it. Where more than one fits, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import phonenumbers

_PLACEHOLDER_LOCAL_PARTS = re.compile(
    r"^(no-?reply|do-?not-?reply|none|noemail|no-?email|na|n/?a|test|unknown|anonymous|info|leasing|office)$"
)
_ANONYMOUS_NAMES = frozenset(
    {("anonymous", "user"), ("unknown", "unknown"), ("guest", "guest"), ("test", "test")}
)


@dataclass(frozen=True, slots=True)
class Contact:
    """How a person can be recognised: normalised, None where missing or not fit to recognise by."""

    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    name: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def reachable(self) -> bool:
        """Whether ResMan would take it for a new lead: an e-mail or a phone."""
        return self.email is not None or self.phone is not None


@dataclass(frozen=True, slots=True)
class Match:
    """`linked_by` is `email`, `phone` or `name`; `index` says which of the candidates."""

    index: int
    linked_by: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """More than one candidate fits equally well."""

    linked_by: str
    candidates: int


def normalise_email(value: str | None) -> str | None:
    """Lower case, trimmed; None for a placeholder or what is no address."""
    if not value:
        return None
    email = value.strip().lower()
    local, at, domain = email.rpartition("@")
    if not at or not local or "." not in domain or _PLACEHOLDER_LOCAL_PARTS.match(local):
        return None
    return email


def normalise_phone(
    value: str | None, *, shared: frozenset[str] = frozenset(), region: str = "US"
) -> str | None:
    """E.164; None for a number that is too short, all of one digit, or in `shared` (E.164)."""
    if not value:
        return None
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    # Not `is_possible_number`: it takes a number without its area code, which many people share.
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE or len(set(str(number.national_number))) <= 2:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None if e164 in shared else e164


def normalise_name(first: str | None, last: str | None) -> tuple[str, str] | None:
    """Lower case with single spaces; None unless both parts are there and mean somebody."""
    parts = tuple(" ".join((part or "").split()).lower() for part in (first, last))
    if not all(parts) or parts in _ANONYMOUS_NAMES:
        return None
    return parts[0], parts[1]


def contact(
    first: str | None,
    last: str | None,
    email: str | None,
    phone: str | None,
    *,
    shared_phones: frozenset[str] = frozenset(),
) -> Contact:
    """The recognisable part of a person's data."""
    return Contact(
        normalise_email(email), normalise_phone(phone, shared=shared_phones), normalise_name(first, last)
    )


def contradicts(one: Contact, other: Contact) -> bool:
    """Whether both give an e-mail, or both a phone, and they differ."""
    return (one.email is not None and other.email is not None and one.email != other.email) or (
        one.phone is not None and other.phone is not None and one.phone != other.phone
    )


def find(person: Contact, candidates: Sequence[Contact]) -> Match | Ambiguous | None:
    """The candidate that is this person, by the first rule that finds any."""
    return Index(candidates).find(person)


class Index:
    """Many candidates, looked up by many persons. Candidates may repeat a contact (one user with
    several conversations): `groups[i]` names whom candidate i belongs to, itself by default."""

    def __init__(self, candidates: Sequence[Contact], groups: Sequence[object] | None = None) -> None:
        self._candidates = candidates
        self._groups = groups if groups is not None else range(len(candidates))
        self._by: dict[str, dict[object, list[int]]] = {"email": {}, "phone": {}, "name": {}}
        for i, candidate in enumerate(candidates):
            for rule in self._by:
                key = getattr(candidate, rule)
                if key is not None:
                    self._by[rule].setdefault(key, []).append(i)

    def find(self, person: Contact) -> Match | Ambiguous | None:
        """The first candidate of the one group that fits, by the first rule that finds any."""
        for rule, index in self._by.items():
            key = getattr(person, rule)
            found = index.get(key, []) if key is not None else []
            if rule == "name":
                found = [i for i in found if not contradicts(person, self._candidates[i])]
            groups = {self._groups[i] for i in found}
            if len(groups) > 1:
                return Ambiguous(rule, len(groups))
            if groups:
                return Match(found[0], rule)
        return None


def shared_values(values: Iterable[str | None], *, at_least: int = 4) -> frozenset[str]:
    """Values that stand at this many records or more: shared or dummy, so not fit to recognise by."""
    counts: dict[str, int] = {}
    for value in values:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    return frozenset(value for value, n in counts.items() if n >= at_least)
