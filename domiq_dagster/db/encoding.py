"""Databases that are not UTF8: which can be used, and what becomes of a character that they cannot hold.

The session speaks UTF8 with us, and the server translates. A character that the database's own encoding
lacks would fail its statement, so it is replaced by one that is meant alike before it is sent, else by a
question mark.
"""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from typing import Any

import psycopg
from psycopg.types import string

from domiq_dagster.db.errors import UnsuitableEncoding

_CODECS = {"EUC_CN": "gb2312", "KOI8R": "koi8_r", "KOI8U": "koi8_u"}
_ALIKE = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u2022\u2023\u2043\u00b7", "*"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", ""),
    "\u20ac": "EUR",
    "\u2026": "...",
}
"""What stands for a character that an encoding lacks, where Unicode itself names nothing."""
_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|.)", re.DOTALL
)
_DUMPERS = (
    *(string.StrBinaryDumperName, string.StrBinaryDumperVarchar, string.StrBinaryDumper),
    *(string.StrDumperName, string.StrDumperVarchar, string.StrDumper, string.StrDumperUnknown),
)
"""In the order of psycopg's own registration: the last becomes the default."""


def speak(connection: psycopg.Connection[Any]) -> None:
    """Makes a new session send only what its database can hold.

    Raises:
        UnsuitableEncoding: the database has no encoding that can be spoken.
    """
    encoding = connection.info.parameter_status("server_encoding") or "UTF8"
    if encoding == "UTF8":
        return
    fit = Fit(_codec(encoding))
    for base in _DUMPERS:
        connection.adapters.register_dumper(str, fit.dumper(base))


class Fit:
    """Replaces what a Python codec cannot encode."""

    def __init__(self, codec: str) -> None:
        self._codec = codec

    def dumper(self, base: type[Any]) -> type[Any]:
        """psycopg's class that sends a str, made to send one that fits."""

        def dump(own: Any, obj: str) -> Any:
            return base.dump(own, self.text(obj))

        return type(base.__name__, (base,), {"dump": dump})

    def text(self, value: str) -> str:
        """The value with every character, and every one that JSON escapes, fitting."""
        if not self._has(value):
            value = "".join(self._character(c) for c in value)
        return _ESCAPE.sub(self._escaped, value) if "\\u" in value else value

    def _escaped(self, found: re.Match[str]) -> str:
        """json.dumps writes most characters as escapes, which jsonb must be able to hold as well."""
        high, low, single = found.groups()
        if single:
            character = chr(int(single, 16))
        elif high:
            character = chr(0x10000 + ((int(high, 16) & 0x3FF) << 10 | int(low, 16) & 0x3FF))
        else:
            return found[0]
        if self._has(character) or unicodedata.category(character) == "Cs":
            return found[0]
        return json.dumps(self._character(character))[1:-1]

    def _character(self, character: str) -> str:
        if self._has(character):
            return character
        meant = _ALIKE.get(character)
        if meant is None:
            parts = unicodedata.normalize("NFKD", character)
            meant = "".join(p for p in parts if not unicodedata.combining(p))
        return meant if meant != character and self._has(meant) and (meant or character in _ALIKE) else "?"

    def _has(self, value: str) -> bool:
        try:
            value.encode(self._codec)
        except UnicodeEncodeError:
            return False
        return True


def _codec(encoding: str) -> str:
    """Python's name of one of PostgreSQL's encodings."""
    name = _CODECS.get(encoding, re.sub(r"\AWIN", "cp", encoding))
    try:
        if encoding == "SQL_ASCII":
            raise LookupError(encoding)
        return codecs.lookup(name).name
    except LookupError:
        raise UnsuitableEncoding(
            f"The database's encoding is {encoding}, which says nothing reliable about its text: "
            "dump it and restore it into a database made with ENCODING 'UTF8'."
        ) from None
