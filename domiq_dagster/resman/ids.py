"""ResMan's ids are GUIDs, which it and others write in any case, in braces or without."""

from __future__ import annotations

import re

_CANONICAL_LENGTH = 36
_as_guid = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?").fullmatch


def canonical_id(text: str) -> str:
    """An id as it is stored and compared: a GUID in small letters without braces, any other id without the
    blanks around it."""
    if len(text) == _CANONICAL_LENGTH and text.islower() and text[0] != "{":
        return text  # as nearly all are written
    text = text.strip()
    guid = _as_guid(text)
    return text if guid is None else guid[1].lower()


def same_id(one: str | None, other: str | None) -> bool:
    """Whether two texts are one id; never where one is missing. Case does not matter, in no id."""
    return bool(one and other) and canonical_id(one or "").lower() == canonical_id(other or "").lower()
