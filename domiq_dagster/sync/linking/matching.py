"""Whether a person at ResMan and a DomIQ user are the same, by contact data that stays in memory.

The rule, in this order: e-mail, phone, then full name. An e-mail or phone that many people may share
(placeholders, noreply addresses, the property's own number) never links. A phone does not link two people
whose e-mails and names both differ. A name links only where neither e-mail nor phone contradicts it. Where
more than one fits, nothing is guessed. docs/linking.md has the rules in full.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import phonenumbers

from domiq_dagster.sync.status_map import (
    RESMAN_APPLICANT,
    RESMAN_PROSPECT,
    RESMAN_RESIDENT,
    Milestone,
    treated_as,
)

T = TypeVar("T")

SHARED_BY = 4
"""An e-mail or phone that stands at so many prospects is nobody's own."""
_PLACEHOLDER_LOCAL_PARTS = re.compile(
    r"^(no[-._]?reply.*|do[-._]?not[-._]?reply.*|mailer-daemon|postmaster|bounces?"
    r"|none|no[-._]?e?mail|not?[-._]?provided|declined|refused|na|n/?a|test|unknown|anonymous|nobody|asdf|x+"
    r"|info|leasing|office|leads?|manager|admin|support|contact|sales|rent|rentals)$"
)
_PLACEHOLDER_DOMAINS = frozenset(
    {"noemail.com", "noemail.net", "nomail.com", "none.com", "noreply.com", "donotreply.com", "unknown.com"}
    | {"na.com", "no.com", "fake.com", "test.com"}
)
_ANONYMOUS_NAMES = frozenset(
    {("anonymous", "user"), ("unknown", "unknown"), ("guest", "guest"), ("test", "test")}
    | {("guest", "user"), ("unknown", "user"), ("test", "user"), ("no", "name"), ("n/a", "n/a")}
)
_FILLER_PHONES = re.compile(
    # of the North American ten digits: codes that no area or exchange has, and what fills a form
    r"^([01]|555)|^...[01]|(\d)\2{6}$|5551212$|^(1234567890|0123456789|9876543210|2345678901)$"
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
    """More than one candidate fits equally well; `groups` names them."""

    linked_by: str
    candidates: int
    groups: tuple[object, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class SharedContacts:
    """E-mails and phones, normalised, that are nobody's own: those of the property and its staff."""

    emails: frozenset[str] = field(default=frozenset(), repr=False)
    phones: frozenset[str] = field(default=frozenset(), repr=False)

    def __or__(self, other: SharedContacts) -> SharedContacts:
        return SharedContacts(self.emails | other.emails, self.phones | other.phones)


NONE_SHARED = SharedContacts()


def shared_contacts(pairs: Iterable[tuple[str | None, str | None]]) -> SharedContacts:
    """Of e-mails and phones as they are written."""
    emails, phones = set(), set()
    for email, phone in pairs:
        if email and email.strip():
            emails.add(email.strip().lower())
        if (number := normalise_phone(phone)) is not None:
            phones.add(number)
    return SharedContacts(frozenset(emails), frozenset(phones))


def normalise_email(value: str | None, *, shared: frozenset[str] = frozenset()) -> str | None:
    """Lower case, trimmed; None for a placeholder, what is in `shared`, or what is no address."""
    if not value:
        return None
    email = value.strip().lower()
    local, at, domain = email.rpartition("@")
    if not at or not local or "." not in domain or email in shared:
        return None
    if domain in _PLACEHOLDER_DOMAINS or _PLACEHOLDER_LOCAL_PARTS.match(local):
        return None
    return email


def normalise_phone(
    value: str | None, *, shared: frozenset[str] = frozenset(), region: str = "US"
) -> str | None:
    """E.164; None for a number that nobody can have, that fills a form, or that is in `shared` (E.164)."""
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
    if number.country_code == 1 and _FILLER_PHONES.search(str(number.national_number).zfill(10)):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None if e164 in shared else e164


def normalise_name(first: str | None, last: str | None) -> tuple[str, str] | None:
    """Lower case without accents, with single spaces; None unless both parts are there and mean somebody."""
    parts = (normalise_part(first or ""), normalise_part(last or ""))
    if not all(parts) or parts in _ANONYMOUS_NAMES:
        return None
    return parts


def normalise_part(part: str) -> str:
    """One part of a name: lower case without accents, with single spaces."""
    return " ".join(_plain(part).split())


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    spread = unicodedata.normalize("NFKD", text)
    return "".join(c for c in spread if not unicodedata.combining(c)).casefold()


def contact(
    first: str | None,
    last: str | None,
    email: str | None,
    phone: str | None,
    *,
    shared: SharedContacts = NONE_SHARED,
) -> Contact:
    """The recognisable part of a person's data."""
    return Contact(
        normalise_email(email, shared=shared.emails),
        normalise_phone(phone, shared=shared.phones),
        normalise_name(first, last),
    )


def contradicts(one: Contact, other: Contact) -> bool:
    """Whether both give an e-mail, or both a phone, and they differ."""
    return (one.email is not None and other.email is not None and one.email != other.email) or (
        one.phone is not None and other.phone is not None and one.phone != other.phone
    )


def somebody_else(one: Contact, other: Contact) -> bool:
    """Whether e-mails differ, and first and last names as well: such two merely use one phone."""
    return (
        one.email is not None
        and other.email is not None
        and one.email != other.email
        and one.name is not None
        and other.name is not None
        and one.name[0] != other.name[0]
        and one.name[1] != other.name[1]
    )


def choose(candidates: Sequence[T], status_of: Callable[[T], str]) -> T | None:
    """Which of several prospects that fit one person equally well is theirs: the only one that is open
    (a prospect, or an applicant neither denied nor cancelled), else the only resident, else the only other
    one. None where that leaves several. `status_of` gives ResMan's status, with its milestone or without."""
    ranks = [_rank(status_of(candidate)) for candidate in candidates]
    best = [c for c, rank in zip(candidates, ranks, strict=True) if rank == min(ranks)]
    return best[0] if len(best) == 1 else None


def is_open(status: str) -> bool:
    """Whether somebody at this ResMan status is on the way to a lease."""
    milestone = status.partition("/")[2]
    stands = treated_as(status)
    return stands == RESMAN_PROSPECT or (
        stands == RESMAN_APPLICANT and milestone not in (Milestone.DENIED, Milestone.CANCELLED)
    )


def _rank(status: str) -> int:
    if is_open(status):
        return 0
    return 1 if treated_as(status) == RESMAN_RESIDENT else 2


def find(
    person: Contact, candidates: Sequence[Contact], groups: Sequence[object] | None = None
) -> Match | Ambiguous | None:
    """The candidate that is this person, by the first rule that finds any."""
    return Index(candidates, groups).find(person)


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
            if rule != "email":
                speaks_against = contradicts if rule == "name" else somebody_else
                found = [i for i in found if not speaks_against(person, self._candidates[i])]
            groups = tuple(dict.fromkeys(self._groups[i] for i in found))
            if len(groups) > 1:
                return Ambiguous(rule, len(groups), groups)
            if groups:
                return Match(found[0], rule)
        return None


def shared_values(values: Iterable[str | None], *, at_least: int = SHARED_BY) -> frozenset[str]:
    """Values that stand at this many records or more: shared or dummy, so not fit to recognise by."""
    counts: dict[str, int] = {}
    for value in values:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    return frozenset(value for value, n in counts.items() if n >= at_least)
