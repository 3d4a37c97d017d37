"""Lookup keys: what two people who are one have in common, cheaply had.

An e-mail address in small letters without a plus-tag, the last seven digits of a phone, a normalised full
name. Two people who share a key may be one; `matching` tells whether they are. Every prospect that a pull
brings is held against the keys of those who wait, so these are fast before they are anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from domiq_dagster.sync.linking.matching import (
    Contact,
    normalise_name,
    split_emails,
    split_phones,
    untagged,
)

_DIGITS = 7
_SEVERAL = 2 * _DIGITS + 1
"""No shorter text holds two phone numbers."""
_EXTENSION = bytes.maketrans(b"X#;", b"xxx")
_NEITHER_DIGIT_NOR_EXTENSION = bytes(c for c in range(128) if chr(c) not in "0123456789xX#;\n")


def keys_of(first: str | None, last: str | None, email: str | None, phone: str | None) -> list[object]:
    """The keys of one person: a text for the e-mail, bytes for the phone, a tuple for the name."""
    keys: list[object] = []
    keys += email_keys(email) if email else []
    keys += [tail for part in split_phones(phone) if (tail := _phone_tail(part))]
    if (name := normalise_name(first, last)) is not None:
        keys.append(name)
    return keys


def email_key(email: str) -> str:
    """The key of one e-mail address."""
    key = email.strip().lower()
    return untagged(key) if "+" in key else key


def email_keys(text: str) -> list[str]:
    """The keys of the e-mail addresses in a text."""
    return [email_key(part) for part in split_emails(text)]


def is_one_email(text: str) -> bool:
    """Whether a text is one address at most, as nearly all are."""
    return text.count("@") < 2


def further_tails(phone: str) -> list[bytes]:
    """The tails of the numbers in a text that may be several, where `phone_tails` gives that of the last."""
    if len(phone) < _SEVERAL:
        return []
    parts = split_phones(phone)
    return [] if len(parts) < 2 else phone_tails(parts)


def person_keys(person: Contact) -> frozenset[str]:
    """What two user rows of one person have in common, coarsely: an e-mail address without its tag, the last
    seven digits of a phone, the full name. Whoever shares one may be the same, and nobody who is shares
    none: for locks, and for a first look."""
    keys: set[str] = set()
    for email in person.emails:
        local, _, domain = email.rpartition("@")
        keys.add(f"email:{local.partition('+')[0]}@{domain}")
    # Without the extension: whoever shares a switchboard only waits.
    keys.update(f"phone:{phone.partition(';')[0][-_DIGITS:]}" for phone in person.phones)
    if person.name is not None:
        keys.add(f"name:{' '.join(person.name)}")
    return frozenset(keys)


def phone_tails(phones: Sequence[str | None]) -> list[bytes]:
    """The last seven digits of each phone, before an extension; of fewer digits, those.

    All at once, as one text, which is much faster than one by one.
    """
    if not phones:
        return []
    written = "\n".join([phone or "" for phone in phones])
    if written.count("\n") >= len(phones):  # in a phone
        written = "\n".join([(phone or "").replace("\n", " ") for phone in phones])
    digits = written.encode("ascii", "ignore").translate(_EXTENSION, _NEITHER_DIGIT_NOR_EXTENSION)
    tails = digits.split(b"\n")
    if b"x" in digits:
        tails = [tail.partition(b"x")[0] for tail in tails]
    return [tail[-_DIGITS:] for tail in tails]


def _phone_tail(phone: str) -> bytes | None:
    (tail,) = phone_tails([phone])
    return tail if len(tail) == _DIGITS else None
