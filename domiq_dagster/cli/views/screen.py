"""The screen that commands write on. Names and words come from DomIQ's database and from ResMan: on a
terminal they are text and nothing else, whatever they hold. No escape sequence, no line of their own, no
markup, no turned-round writing."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console
from rich.errors import MarkupError
from rich.markup import escape as _escape
from rich.text import Text

_TABLE_WIDTH = 110
# Control characters but the line end; what turns the direction of writing; halves of characters.
_NO_TEXT = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_REPLACEMENT = "\ufffd"


class Screen(Console):
    """A console that shows what is no text as the replacement character."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, soft_wrap=True, emoji=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        shown = neutral(text)
        try:
            return super().render_str(shown, **settings)
        except MarkupError:  # a name that looks like markup, where nobody escaped it
            return super().render_str(shown, **{**settings, "markup": False})


def make_console() -> Screen:
    """Where the width is not known (a pipe, a log), tables are given room."""
    console = Screen()
    return console if console.is_terminal else Screen(width=_TABLE_WIDTH)


def neutral(text: str) -> str:
    """The text with each character that is none replaced."""
    return _NO_TEXT.sub(_REPLACEMENT, text.replace("\t", " "))


def escape(value: object) -> str:
    """Words of somebody else's as one line of a table or sentence, without the meaning of markup."""
    return _escape(" ".join(neutral(str(value)).split("\n")))


def say(sentence: str) -> None:
    """Prints a sentence that holds words of somebody else's."""
    print(" ".join(neutral(sentence).split("\n")))
