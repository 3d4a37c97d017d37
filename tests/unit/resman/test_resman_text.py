"""Text that is cleaned of markup."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.resman.text import _LINE_BREAKING_TAG, _TAG, comment, legal, plain

PIECES = [
    "<",
    ">",
    "<b>",
    "</b>",
    "<br/>",
    "</p>",
    "<!--",
    "-->",
    "<!DOCTYPE x>",
    "a",
    " ",
    "i",
    "\n",
    "/",
    "<1>",
]


def peeled(text: str) -> str:
    """The same by taking tags out until none is left."""
    text = legal(text)
    while (less := _TAG.sub("", _LINE_BREAKING_TAG.sub("\n", text))) != text:
        text = less
    return text.strip()


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_no_tag_is_left_and_what_is_none_stays(text: str) -> None:
    assert re.sub(r"\s", "", plain(text)) == re.sub(r"\s", "", peeled(text))


def test_nested_tags_take_no_longer_than_others() -> None:
    """D17: 39 kB of them took four seconds."""
    odd = [
        "<" * 19_500 + "b>" * 9_750,
        "<b" * 20_000 + ">" * 20_000,
        "<!--" * 10_000,
        "<br " * 10_000 + ">" * 10_000,
    ]
    odd += ["<" * 40_000, "<b><" * 10_000, "[DQ-" * 10_000, "&lt;" * 10_000, "\n" * 40_000]
    began = time.process_time()
    for text in odd:
        comment(text)
        plain(text)
    assert time.process_time() - began < 2
