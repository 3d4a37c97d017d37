"""Takes the personal and the secret out of words that somebody else chose before they reach an error or a
log.

Whoever answers may repeat what was sent in any form: glued together, cut, turned round, in other case,
without accents, percent-encoded. So a value is looked for in all of them, and rather too much is hidden than
too little.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import permutations
from urllib.parse import unquote

MAX_DESCRIPTION = 300
# Longer text is cut before the patterns run over it, to keep their worst case small.
_MAX_READ = 2_000

_GUID = r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
_ISO_DATE = r"(?<!\d)\d{4}-\d{2}-\d{2}(?![\d-])"
_EMAIL = r"[^\s@<>\"(),;]+(?:@|%40)[^\s@<>\"(),;]+"
_BETWEEN_DIGITS = r"\s().\-/_+*,;|~=\u00b7\u2010-\u2015\u2212\u2022"
_PHONE = rf"(?<!\d)\+?\(?\d[\d{_BETWEEN_DIGITS}]{{5,}}\d"
_KEEP = re.compile(f"{_GUID}|{_ISO_DATE}")
# GUIDs and dates come first: they help to find a cause, and their digits are no phone number.
_FINDS = re.compile(f"(?P<keep>{_GUID}|{_ISO_DATE})|(?P<email>{_EMAIL})|(?P<phone>{_PHONE})")
_TAG = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"\d(?:[\W_]{0,3}\d)+")
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
_SHORTEST_PRIVATE = 2
_ANYWHERE = 5
"""From so many letters on a value is hidden inside of other words too; a shorter one where a word begins or
ends."""
_PIECE = 4
"""So many letters, or digits, of a value are told from others' by chance."""
_MOST_WORDS = 6
"""A value of more words is a text: each of its longer words is hidden, and not what two of them make
together."""
_PLAIN_WORDS = frozenset(
    {
        *("about", "account", "after", "agent", "already", "apartment", "applicant"),
        *("application", "been", "before", "being", "bedroom", "cannot", "changed"),
        *("comment", "comments", "contact", "contacted", "could", "customer", "date"),
        *("does", "email", "error", "event", "exist", "exists", "failed", "field", "found"),
        *("from", "given", "have", "invalid", "lease", "leased", "like", "lost", "missing"),
        *("more", "must", "name", "need", "needs", "none", "number", "only", "other", "phone"),
        *("prospect", "property", "qualified", "reason", "record", "required"),
        *("resident", "resman", "saved", "scheduled", "should", "source", "status", "than"),
        *("that", "their", "them", "then", "there", "they", "this", "time", "tour", "type"),
        *("unknown", "valid", "value", "wants", "were", "what", "when", "which", "with", "would"),
    }
)
"""Words of a text that everybody uses: they point at nobody, and without them no answer could be read."""


def describe(text: str | None, private: Iterable[str | None] = ()) -> str | None:
    """One line of at most 300 characters without e-mail addresses, phone numbers, markup or any of `private`.

    `private` are the values that we sent ourselves: a key, a name, what was written about somebody. None
    comes back for nothing.
    """
    if not text:
        return None
    line = _plain_line(text)
    line = _without(line, [value for p in private if p and (value := p.strip())])
    return _FINDS.sub(_blank, line)[:MAX_DESCRIPTION] or None


def code_text(value: object, private: Iterable[str | None] = ()) -> str | None:
    """An error code as text, whichever JSON type it came in; None where it is none, or names somebody."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int | float | str):
        return None
    code = str(value).strip()
    return code if _CODE.fullmatch(code) and describe(code, private) == code else None


def folded(text: str) -> str:
    """In lower case and without accents, to compare by."""
    return "".join(_folded_sign(sign) for sign in text)


def _plain_line(text: str) -> str:
    shown = text[:_MAX_READ]
    for _ in range(2):  # encoded twice, by a proxy and by a form
        shown = unescape(unquote(shown)) if "%" in shown or "&" in shown else shown
    shown = shown[:_MAX_READ]
    line = " ".join("".join(c if c.isprintable() else " " for c in _TAG.sub(" ", shown)).split())
    if len(text) > _MAX_READ:
        line = line.rpartition(" ")[0]  # the cut may have left half an address that no pattern knows
    return line


def _blank(found: re.Match[str]) -> str:
    if found["keep"]:
        return found["keep"]
    return "[e-mail]" if found["email"] else "[phone]"


def _without(line: str, values: list[str]) -> str:
    """The line with each of the values hidden, in whatever form it stands there."""
    if not values:
        return line
    search = _Line(line)
    for value in values:
        if _KEEP.fullmatch(value):
            continue
        for needle in _needles(value):
            search.hide(needle)
        search.hide_digits("".join(c for c in value if c.isdigit()))
    words = [w for value in values for w in _words_of(value)]
    names = [w for w in words if len(w) >= _SHORTEST_PRIVATE][: 2 * _MOST_WORDS]
    for first, second in permutations(dict.fromkeys(names), 2):
        search.hide(first + second)
    long_words = {w for value in values for w in _long_words(value)}
    for word in long_words:
        if len(word) > _ANYWHERE:
            search.hide(word)
    search.hide_pieces_of(long_words)
    return search.shown()


def _needles(value: str) -> Iterator[str]:
    """What is looked for of one value, in lower case and without accents."""
    whole = folded(value)
    if len(whole) < _SHORTEST_PRIVATE:
        return
    forms = dict.fromkeys((whole, _named(whole), *_words_of(value)))
    for form in forms:
        if len(form) >= _SHORTEST_PRIVATE:
            yield form
        if len(form) >= _PIECE:
            yield form[::-1]
    if len(value) >= _ANYWHERE:
        # In lower case too, as the line is; the last letters depend on what follows the value.
        yield b64encode(value.encode("utf-8", "replace")).decode().rstrip("=")[:-1].lower()


def _named(value: str) -> str:
    """The part of an e-mail address that names somebody; of anything else all."""
    return value if any(c.isspace() for c in value) else value.partition("@")[0]


def _words_of(value: str) -> list[str]:
    """The words of a name or an address, the long ones of a key; none of a text."""
    words = _WORD.findall(folded(_named(value)))
    if len(words) > _MOST_WORDS:
        return []
    return [w for w in words if len(w) >= _PIECE or not any(c.isdigit() for c in value)]


def _long_words(value: str) -> list[str]:
    words = _WORD.findall(folded(_named(value)))
    is_text = len(words) > _MOST_WORDS
    return [w for w in words if len(w) >= _PIECE and not (is_text and w in _PLAIN_WORDS)]


class _Line:
    """A line in which values are hidden, each sign by its stretch."""

    def __init__(self, line: str) -> None:
        self._line = line
        parts = [_folded_sign(sign) for sign in line]
        self._folded = "".join(parts)
        self._stretches = [stretch for stretch, part in enumerate(parts) for _ in part]
        self._hidden = [False] * len(line)
        self._kept = [False] * len(line)
        for found in _KEEP.finditer(line):
            self._kept[found.start() : found.end()] = [True] * len(found[0])

    def hide(self, needle: str) -> None:
        start = self._folded.find(needle)
        while start >= 0:
            end = start + len(needle)
            if len(needle) >= _ANYWHERE or (self._begins(start) and self._ends(end)):
                self._mark(start, end)
            start = self._folded.find(needle, start + 1)

    def hide_digits(self, digits: str) -> None:
        """Hides four and more digits in a row of a phone number, whatever stands between them."""
        if len(digits) < 7:
            return
        pieces = {digits[at : at + _PIECE] for at in range(len(digits) - _PIECE + 1)}
        for found in _DIGITS.finditer(self._folded):
            digits_at = [found.start() + at for at, sign in enumerate(found[0]) if sign.isdigit()]
            for first in range(len(digits_at) - _PIECE + 1):
                piece = digits_at[first : first + _PIECE]
                if "".join(self._folded[at] for at in piece) in pieces:
                    self._mark(piece[0], piece[-1] + 1)

    def hide_pieces_of(self, values: set[str]) -> None:
        """Hides words that are the beginning or the end of a value."""
        for found in _WORD.finditer(self._folded):
            word = found[0]
            if len(word) < _PIECE or word in _PLAIN_WORDS:
                continue
            if any(v.startswith(word) or v.endswith(word) for v in values):
                self._mark(found.start(), found.end())

    def shown(self) -> str:
        parts: list[str] = []
        for stretch, sign in enumerate(self._line):
            if not self._hidden[stretch]:
                parts.append(sign)
            elif not stretch or not self._hidden[stretch - 1]:
                parts.append("[hidden]")
        return "".join(parts)

    def _begins(self, at: int) -> bool:
        here = self._stretches[at]
        before = self._line[here - 1] if here else " "
        return not before.isalnum() or (before.islower() and self._line[here].isupper())

    def _ends(self, at: int) -> bool:
        if at >= len(self._stretches):
            return True
        here = self._stretches[at]
        after, last = self._line[here], self._line[here - 1]
        return not after.isalnum() or (after.isupper() and last.islower())

    def _mark(self, start: int, end: int) -> None:
        for at in range(start, min(end, len(self._stretches))):
            stretch = self._stretches[at]
            if not self._kept[stretch]:
                self._hidden[stretch] = True


def _folded_sign(sign: str) -> str:
    parts = unicodedata.normalize("NFKD", sign)
    return "".join(p for p in parts if not unicodedata.combining(p)).casefold()
