"""Lookup keys: what two people who are one have in common, cheaply had.

An e-mail address in small letters, the last seven digits of a phone, a normalised full name. Two people who
share a key may be one; `matching` tells whether they are. Every prospect that a pull brings is held against
the keys of those who wait, so these are fast before they are anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from domiq_dagster.sync.linking.matching import normalise_name

_DIGITS = 7
_EXTENSION = bytes.maketrans(b"X#;", b"xxx")
_NEITHER_DIGIT_NOR_EXTENSION = bytes(c for c in range(128) if chr(c) not in "0123456789xX#;\n")


def keys_of(first: str | None, last: str | None, email: str | None, phone: str | None) -> list[object]:
    """The keys of one person: a text for the e-mail, bytes for the phone, a tuple for the name."""
    keys: list[object] = []
    if email:
        keys.append(email_key(email))
    if phone and (tail := _phone_tail(phone)):
        keys.append(tail)
    if (name := normalise_name(first, last)) is not None:
        keys.append(name)
    return keys


def email_key(email: str) -> str:
    """The key of an e-mail address."""
    return email.strip().lower()


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
