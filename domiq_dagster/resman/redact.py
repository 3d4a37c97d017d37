"""Takes the personal and the secret out of ResMan's own words before they reach an error or a log."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_DESCRIPTION = 300
# Longer text is cut before the patterns run over it, to keep their worst case small.
_MAX_READ = 2_000

_GUID = r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
_ISO_DATE = r"(?<!\d)\d{4}-\d{2}-\d{2}(?![\d-])"
_EMAIL = r"[^\s@<>\"(),;]+(?:@|%40)[^\s@<>\"(),;]+"
_PHONE = r"(?<!\d)\+?\(?\d[\d\s().\-/]{5,}\d"
# GUIDs and dates come first: they help to find a cause, and their digits are no phone number.
_FINDS = re.compile(f"(?P<keep>{_GUID}|{_ISO_DATE})|(?P<email>{_EMAIL})|(?P<phone>{_PHONE})")
_TAG = re.compile(r"<[^<>]*>")
_SHORTEST_PRIVATE = 2


def describe(text: str | None, private: Iterable[str | None] = ()) -> str | None:
    """One line of at most 300 characters without e-mail addresses, phone numbers, markup or any of `private`.

    `private` are the values that we sent ourselves: a key, a name. None comes back for nothing.
    """
    if not text:
        return None
    line = " ".join("".join(c if c.isprintable() else " " for c in _TAG.sub(" ", text[:_MAX_READ])).split())
    if len(text) > _MAX_READ:
        line = line.rpartition(" ")[0]  # the cut may have left half an address that no pattern knows
    for value in sorted({p.strip() for p in private if p}, key=len, reverse=True):
        if len(value) >= _SHORTEST_PRIVATE:
            line = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "[hidden]", line, flags=re.IGNORECASE)
    line = _FINDS.sub(_blank, line)
    return line[:MAX_DESCRIPTION] or None


def _blank(found: re.Match[str]) -> str:
    if found["keep"]:
        return found["keep"]
    return "[e-mail]" if found["email"] else "[phone]"
