"""Takes apart the one list that a v2 answer carries, object by object, without ever holding the whole of it.

What is given is each object's JSON, whole and for itself, which a hash of it needs; whoever wants the values
decodes it. Of a long list most objects are split off many at a time by msgspec, which does not build what it
skips. Where that cannot be trusted (at the edges of what is held, or with spellings that it does not take),
the standard library's decoder takes one value after another and tells exactly where each ends. Of an object
that no decoder takes the end is found by its brackets: whoever wants its values finds out that it is none,
and the others come all the same.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import re
from collections.abc import Generator, Iterator
from typing import Any, NoReturn

import msgspec

from domiq_dagster.resman import json_text, outcomes
from domiq_dagster.resman.prospect import Source
from domiq_dagster.resman.transport import CHUNK, Answer

# No value of an answer is believed to be larger, in characters: an answer without end must not fill the
# memory.
_MAX_VALUE = 16 * 1024 * 1024
_BLANKS = re.compile(r"[ \t\r\n\ufeff]*")
# What may stand where a value was cut off in the middle of a number, a word or an escape.
_CUT = re.compile(
    r"\s*(?:-?[0-9.eE+-]*|t|tr|tru|f|fa|fal|fals|n|nu|nul|N|Na|-?I[a-z]{0,7}|\\?u?[0-9a-fA-F]{0,4})\Z"
)
# What of a number may stand between where the decoder took it to end and where the text was cut off.
_GOES_ON = re.compile(r"[0-9.eE+-]*\Z").match
# Where an object begins that has a member: up to the colon after its first key.
_BEGINNING = re.compile(r'\{[ \t\r\n]*"[^"\\]*"[ \t\r\n]*:')
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


def sources(answer: Answer, name: str) -> Iterator[Source]:
    """What the top-level list `name` (its case does not matter) holds, value by value as they arrive.

    `null` counts as an empty list, an object in its place as a list of one, and a list without an envelope,
    if anything is in it, as the list. The end comes only after the whole document was read, so what
    was given is the whole list.

    Raises:
        NoAnswer: the answer broke off.
        Garbled: it is not JSON, or carries no such list.
    """
    text = _Text(answer)
    if text.peek() == "[":
        empty = True
        for source in text.items():
            empty = False
            yield source
        text.expect("")
        if empty:
            raise outcomes.garbled(answer.request, f"it has no list {name}")
        return
    text.expect("{")
    found = False
    while key := text.key():
        if found or key.lower() != name.lower():
            text.value()
            continue
        found = True
        if text.peek() == "{":
            yield text.value(of_list=True)[1].encode()
            continue
        if text.peek() != "[":
            if text.value()[0] is not None:
                break
            continue
        yield from text.items()
    else:
        text.expect("")
        if found:
            return
    raise outcomes.garbled(answer.request, f"it has no list {name}")


class _Text:
    """An answer's text, of which only what is not taken yet is held."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._buffer = ""
        self._at = 0
        self._members = 0
        self._together_failed = False

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            blank = _BLANKS.match(self._buffer, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def expect(self, character: str) -> None:
        """Takes this character, or makes sure of the end where it is empty."""
        if (there := self.peek()) != character:
            self._broken(cut=not there)
        self._at += len(character)

    def key(self) -> str:
        """Takes the next key of the outermost object, and its colon; empty where the object ends."""
        if self.peek() == "}":
            self._at += 1
            return ""
        if self._members:
            self.expect(",")
        self._members += 1
        if (there := self.peek()) != '"':
            self._broken(cut=not there)
        key, _ = self.value()
        self.expect(":")
        return str(key) or " "

    def items(self) -> Generator[Source, None, None]:
        """Takes a list, value by value."""
        self.expect("[")
        if self.peek() == "]":
            self._at += 1
            return
        between = None
        while True:
            if between is not None:
                while together := self._together(between):
                    yield from together
                    self._more()
            beginning = _BEGINNING.match(self._buffer, self._at)
            yield self.value(of_list=True)[1].encode()
            buffer, end = self._buffer, self._at
            if (mark := self.peek()) not in ("]", ","):
                self._broken(cut=not mark)
            self._at += 1
            if mark == "]":
                return
            self.peek()
            if beginning is not None and self._buffer is buffer:
                between = buffer[end : self._at] + beginning.group()

    def _together(self, between: str) -> list[msgspec.Raw]:
        """Takes all values that are held, up to the last place where one seems to end and the next to begin;
        none where there is no such place or it is none: then it is not looked for again before more came.

        `between`: what stood between two values before, and how the latter began. Inside of an object the
        same may stand, but what lies before it is no JSON then; inside of a string its quotes are escaped.
        """
        end = -1 if self._together_failed else self._buffer.rfind(between, self._at)
        if end > self._at:
            with contextlib.suppress(msgspec.DecodeError, RecursionError):
                found = _split(f"[{self._buffer[self._at : end]}]")
                self._at = end + between.index("{")
                return found
        self._together_failed = True
        return []

    def value(self, *, of_list: bool = False) -> tuple[Any, str]:
        """Takes one value whole, with its text. `of_list`: it need not be one that can be decoded."""
        if not self.peek():
            self._broken(cut=True)
        while True:
            failed = cut = spoiled = False
            found, end = None, 0
            try:
                found, end = json_text.decode_at(self._buffer, self._at)
            except json.JSONDecodeError as error:
                failed = True
                cut = error.msg.startswith("Unterminated") or bool(_CUT.match(self._buffer, error.pos))
            except (ValueError, RecursionError):
                failed = True  # a nesting beyond all measure
            if failed and of_list and not cut:
                end = json_text.end_of(self._buffer, self._at) or 0
                failed = spoiled = not end
                cut = spoiled and self._buffer[self._at] in "[{"  # its end may be yet to come
            if not failed:
                length = end - self._at
                # A number that ends where the text does, or before the point that the text ends with, may go
                # on.
                if isinstance(found, int | float) and _GOES_ON(self._buffer, end) and self._more():
                    continue
                source = self._buffer[self._at : self._at + length]
                self._at += length
                return found, source
            if not cut or len(self._buffer) - self._at > _MAX_VALUE or not self._grow():
                self._broken(cut=cut and not spoiled)

    def _grow(self) -> bool:
        """At least doubles what is held of a value that is not whole yet, so that a long one is not scanned
        again for every piece."""
        length = len(self._buffer) - self._at
        while self._more():
            if len(self._buffer) >= 2 * length:
                break
        return len(self._buffer) - self._at > length

    def _more(self) -> bool:
        data = self._answer.read(CHUNK)
        # Half a character is some record's defect; an answer that is no text at all is no JSON either.
        self._buffer = self._buffer[self._at :] + self._decode(data, not data)
        self._at = 0
        self._together_failed = False
        return bool(data)

    def _broken(self, *, cut: bool) -> NoReturn:
        request, size = self._answer.request, self._answer.size
        if cut and size and self._answer.at_end:
            raise outcomes.no_answer(request, "it ends midway")
        raise outcomes.garbled(request, "it is not JSON" if size else "it is empty")
