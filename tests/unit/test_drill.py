"""The bugs of the drill can still be planted: `make drill` plants them and looks for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drill.bugs import BUGS, Bug

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_what_a_bug_replaces_is_there_once(bug: Bug) -> None:
    assert bug.old != bug.new
    assert (ROOT / bug.path).read_text(encoding="utf-8").count(bug.old) == 1


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_who_is_to_catch_it_is_there(bug: Bug) -> None:
    for catcher in bug.catchers:
        path, _, test = catcher.partition("::")
        assert f"def {test}" in (ROOT / path).read_text(encoding="utf-8")


def test_there_are_some_twenty_and_no_two_are_alike() -> None:
    assert len({(bug.path, bug.old, bug.new) for bug in BUGS}) == len({bug.name for bug in BUGS}) == len(BUGS)
    assert len(BUGS) >= 20
