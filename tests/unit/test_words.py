"""The names in the code say it in the words of CONTRIBUTING.md: one word for one thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "domiq_dagster"
ALLOWED = {
    # keys of --json and of metadata
    ("held", "sync/decisions/apply.py"),
    ("held", "sync/dry_run.py"),
    ("question", "sync/setup/survey.py"),
    # the state of a rule's run whose conditions were not met
    ("held", "sync/rules/batch.py"),
    ("held", "sync/rules/evaluate.py"),
    # what a visitor asks, and the turns that two take in talking
    ("question", "demo/chat.py"),
    ("turn", "demo/chat.py"),
    # a verb: what turns bad
    ("turn", "sync/alerts/replay.py"),
}
"""Words that the table replaces, and where a name needs one all the same: the contract's, or in another
sense."""


def replaced_words() -> list[str]:
    """The column "not" of the table of words."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = re.search(r"\| word \| meaning \| not \|\n\|[-|]+\|\n((?:\|.*\n)+)", page)
    assert table is not None
    cells = [line.rstrip("|\n ").rpartition("|")[2] for line in table[1].splitlines() if line[-3:] != "| |"]
    return [word.strip() for cell in cells for word in cell.split(",")]


def names_in(source: str) -> Iterator[str]:
    """The names that a module gives: to functions, classes, arguments, variables and attributes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def says(name: str, word: str) -> bool:
    """Whether a name, in snake or camel case, has the word among its own, in singular or plural."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.search(rf"(?:^|_){word.replace(' ', '_')}s?(?:_|$)", snake) is not None


def test_no_name_says_what_the_table_has_another_word_for() -> None:
    found = {
        (word, path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name in names_in(path.read_text(encoding="utf-8"))
        for word in replaced_words()
        if says(name, word)
    }
    assert sorted(hit for hit in found if hit[:2] not in ALLOWED) == []
    assert ALLOWED - {hit[:2] for hit in found} == set(), "nobody needs these any more"


def test_the_table_is_read() -> None:
    assert {"place", "put off", "may have left", "letter", "fate"} <= set(replaced_words())


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("def turn(spell): look_back = spell", ["turn", "spell", "look_back"]),
        ("class MayHaveLeft: pass", ["MayHaveLeft"]),
        ("self.places = other.turn", ["places"]),
    ],
)
def test_names_are_found_where_they_are_given(source: str, given: list[str]) -> None:
    assert sorted(names_in(source)) == sorted(given)


@pytest.mark.parametrize(
    ("name", "word", "expected"),
    [
        ("MayHaveLeft", "may have left", True),
        ("_AT_TWO_PLACES", "place", True),
        ("replaced", "place", False),
        ("returned", "turn", False),
    ],
)
def test_a_name_says_a_word_that_stands_by_itself_in_it(name: str, word: str, expected: bool) -> None:
    assert says(name, word) is expected
