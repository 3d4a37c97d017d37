"""Whether a person at ResMan and a DomIQ user are the same, by contact data that stays in memory.

The rule, in this order: e-mail, phone, then full name. Of several e-mails or phones any may match. One that
many people may share (placeholders, noreply addresses, the property's own number) never links. A phone does
not link two people whose e-mails and names both differ. A name links only where neither e-mail nor phone
contradicts it. Where more than one fits the names decide, and else nothing is guessed. docs/linking.md has
the rules in full.
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
_BETWEEN_EMAILS = re.compile(r"[\s;,|<>]+")
_BETWEEN_PHONES = re.compile(r"[;,/|&\n]|\s(?:or|and)\s")
_MOST_OF_ONE = 20
"""E-mails or phones in one text: nobody has more."""
_LONGEST_PHONE = 12
"""A text that is no longer is one phone number at most."""
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
    """How a person can be recognised: normalised, without what is missing or not fit to recognise by.

    Attributes:
        name: the full name to recognise by; None where there is none, or it is not to be recognised by.
        called: first and last name, as far as known: by them those are told apart who share an e-mail.
    """

    emails: tuple[str, ...] = field(default=(), repr=False)
    phones: tuple[str, ...] = field(default=(), repr=False)
    name: tuple[str, str] | None = field(default=None, repr=False)
    called: tuple[str, str] = field(default=("", ""), repr=False)

    @property
    def email(self) -> str | None:
        """The first e-mail address."""
        return next(iter(self.emails), None)

    @property
    def phone(self) -> str | None:
        """The first phone number."""
        return next(iter(self.phones), None)

    @property
    def reachable(self) -> bool:
        """Whether ResMan would take it for a new lead: an e-mail or a phone."""
        return bool(self.emails or self.phones)

    def values(self, rule: str) -> tuple[object, ...]:
        """What it can be recognised by under a rule."""
        if rule == "name":
            return () if self.name is None else (self.name,)
        return self.emails if rule == "email" else self.phones


@dataclass(frozen=True, slots=True)
class Match:
    """`linked_by` is `email`, `phone` or `name`; `index` says which of the candidates, `value` by what the
    person is recognised."""

    index: int
    linked_by: str
    value: object = field(default=None, compare=False, repr=False)


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
    emails: set[str] = set()
    phones: set[str] = set()
    for email, phone in pairs:
        emails.update(part.lower() for part in split_emails(email))
        phones.update(_without_extension(number) for number in _phones([phone], NONE_SHARED.phones))
    return SharedContacts(frozenset(emails), frozenset(phones))


def normalise_email(value: str | None, *, shared: frozenset[str] = frozenset()) -> str | None:
    """Lower case, trimmed; None for a placeholder, what is in `shared`, or what is no address."""
    if not value:
        return None
    email = value.strip().lower()
    local, at, domain = email.rpartition("@")
    if not at or not local or "." not in domain or email in shared or untagged(email) in shared:
        return None
    if domain in _PLACEHOLDER_DOMAINS or _PLACEHOLDER_LOCAL_PARTS.match(local):
        return None
    return email


def normalise_phone(
    value: str | None, *, shared: frozenset[str] = frozenset(), region: str = "US"
) -> str | None:
    """E.164, with the extension after `;ext=`; None for a number that nobody can have, that fills a form, or
    that is in `shared` (E.164), whatever the extension."""
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
    if e164 in shared:
        return None
    return f"{e164};ext={number.extension.lstrip('0') or '0'}" if number.extension else e164


def split_emails(text: str | None) -> list[str]:
    """The e-mail addresses in a text, as written."""
    if not text:
        return []
    return [part for part in _BETWEEN_EMAILS.split(text, _MOST_OF_ONE) if part][:_MOST_OF_ONE]


def split_phones(text: str | None) -> list[str]:
    """The phone numbers in a text, as written: it is one, where it can be read as one."""
    if not text or not text.strip():
        return []
    if len(text) <= _LONGEST_PHONE or normalise_phone(text) is not None:
        return [text.strip()]
    parts = _BETWEEN_PHONES.split(text, _MOST_OF_ONE)
    return [part.strip() for part in parts if part and part.strip()][:_MOST_OF_ONE]


def untagged(email: str) -> str:
    """An address without its plus-tag, which whoever owns it puts there at will."""
    local, _, domain = email.rpartition("@")
    bare = local.partition("+")[0]
    return f"{bare}@{domain}" if bare else email


def _without_extension(phone: str) -> str:
    return phone.partition(";")[0]


def _emails(texts: Iterable[str | None], shared: frozenset[str]) -> tuple[str, ...]:
    found = (normalise_email(part, shared=shared) for text in texts for part in split_emails(text))
    return tuple(dict.fromkeys(email for email in found if email))


def _phones(texts: Iterable[str | None], shared: frozenset[str]) -> tuple[str, ...]:
    found = (normalise_phone(part, shared=shared) for text in texts for part in split_phones(text))
    return tuple(dict.fromkeys(phone for phone in found if phone))


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
    """The recognisable part of a person's data. An e-mail or phone may be several in one text."""
    return person_contact(first, last, (email,), (phone,), shared=shared)


def person_contact(
    first: str | None,
    last: str | None,
    emails: Iterable[str | None],
    phones: Iterable[str | None],
    *,
    shared: SharedContacts = NONE_SHARED,
    by_name: bool = True,
) -> Contact:
    """The same of somebody who may have several of each. `by_name`: whether the name is one to recognise
    by."""
    name = normalise_name(first, last)
    return Contact(
        _emails(emails, shared.emails),
        _phones(phones, shared.phones),
        name if by_name else None,
        _called(first, last),
    )


def _called(first: str | None, last: str | None) -> tuple[str, str]:
    """What somebody is called; nothing, where that means nobody."""
    parts = (normalise_part(first or ""), normalise_part(last or ""))
    return ("", "") if parts in _ANONYMOUS_NAMES else parts


def contradicts(one: Contact, other: Contact) -> bool:
    """Whether both give e-mails, or both phones, and none of one's is the other's. A plus-tag alone makes no
    other address, and an extension that only one of them names no other number."""
    return _emails_differ(one, other) or _phones_differ(one, other)


def _emails_differ(one: Contact, other: Contact) -> bool:
    if not one.emails or not other.emails:
        return False
    return {untagged(email) for email in one.emails}.isdisjoint(map(untagged, other.emails))


def _phones_differ(one: Contact, other: Contact) -> bool:
    if not one.phones or not other.phones:
        return False
    return not any(_may_be_one(mine, theirs) for mine in one.phones for theirs in other.phones)


def _may_be_one(one: str, other: str) -> bool:
    if one == other:
        return True
    (base, _, extension), (other_base, _, other_extension) = one.partition(";"), other.partition(";")
    return base == other_base and not (extension and other_extension)


def name_fit(one: Contact, other: Contact) -> int:
    """How well two people's names fit: 2 both names, 1 the first name alone, or one that begins like the
    other's, 0 neither, or it cannot be told."""
    (first, last), (other_first, other_last) = one.called, other.called
    if not first or not other_first:
        return 0
    if first == other_first and last == other_last:
        return 2
    return int(first.startswith(other_first) or other_first.startswith(first))


def somebody_else(one: Contact, other: Contact) -> bool:
    """Whether e-mails differ, and first and last names as well: such two merely use one phone."""
    return (
        _emails_differ(one, other)
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


def choose_named(
    candidates: Sequence[T], fit_of: Callable[[T], int], status_of: Callable[[T], str]
) -> T | None:
    """The same among candidates that share an e-mail or phone: those whose names fit at all come before the
    others, and where that leaves several, those whose names fit best. `fit_of` gives `name_fit`."""
    named = [c for c in candidates if fit_of(c)] or candidates
    chosen = choose(named, status_of)
    return chosen if chosen is not None else choose(best_named(named, fit_of), status_of)


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
                for key in candidate.values(rule):
                    self._by[rule].setdefault(_index_key(key, rule), []).append(i)

    def find(self, person: Contact) -> Match | Ambiguous | None:
        """The first candidate of the one group that fits, by the first rule that finds any; of several groups
        the one whose name fits best."""
        for rule, index in self._by.items():
            seen: dict[int, object] = {}
            for value in person.values(rule):
                for i in index.get(_index_key(value, rule), []):
                    if i not in seen and fits(rule, person, self._candidates[i]):
                        seen[i] = value
            found = sorted(seen)
            groups = self._groups_of(found)
            if len(groups) > 1 and rule != "name":
                found = best_named(found, lambda i: name_fit(person, self._candidates[i]))
                groups = self._groups_of(found) if len(self._groups_of(found)) == 1 else groups
            if len(groups) > 1:
                return Ambiguous(rule, len(groups), groups)
            if groups:
                return Match(found[0], rule, seen[found[0]])
        return None

    def _groups_of(self, found: Sequence[int]) -> tuple[object, ...]:
        return tuple(dict.fromkeys(self._groups[i] for i in found))


def _index_key(value: object, rule: str) -> object:
    return untagged(str(value)) if rule == "email" else value


def fits(rule: str, one: Contact, other: Contact) -> bool:
    """Whether a rule finds two people to be one: they share what it looks at, and nothing speaks against
    it."""
    mine, theirs = one.values(rule), other.values(rule)
    if rule == "email":
        if not set(mine).isdisjoint(theirs):
            return True
        # A plus-tag alone is no other person, where the name fits.
        return name_fit(one, other) == 2 and not {untagged(str(v)) for v in mine}.isdisjoint(
            untagged(str(v)) for v in theirs
        )
    if set(mine).isdisjoint(theirs):
        return False
    return not (contradicts if rule == "name" else somebody_else)(one, other)


def best_named(candidates: Sequence[T], fit_of: Callable[[T], int]) -> list[T]:
    """Of those who share an e-mail or phone the ones whose names fit best; all, where none fits."""
    best = max(map(fit_of, candidates), default=0)
    return [c for c in candidates if fit_of(c) == best]


def shared_values(values: Iterable[str | None], *, at_least: int = SHARED_BY) -> frozenset[str]:
    """Values that stand at this many records or more: shared or dummy, so not fit to recognise by."""
    counts: dict[str, int] = {}
    for value in values:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    return frozenset(value for value, n in counts.items() if n >= at_least)
