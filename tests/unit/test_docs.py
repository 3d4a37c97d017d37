"""What the documents name is there: files, tests, and each page of the decisions in its index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASES = (ROOT, ROOT / "domiq_dagster", ROOT / "domiq_dagster" / "sync")
"""Where a path may begin that a page names."""
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
# A path in backticks, with the test of it that is meant; none with a placeholder such as NAME in it.
_PATH = re.compile(r"`([a-z_0-9]+/[a-zA-Z_0-9./-]*)(?:::(\w+))?`")
_SECTIONS = ["Context", "Decision", "Consequences", "Measured"]


def named_paths(page: Path) -> Iterator[tuple[str, str | None]]:
    """The paths that a page names, each with the test that it names, if any."""
    for path, test in _PATH.findall(page.read_text(encoding="utf-8")):
        yield path, test or None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_and_test_that_is_named_is_there(page: Path) -> None:
    lost = []
    for path, test in named_paths(page):
        found = next((base / path for base in BASES if (base / path).exists()), None)
        if found is None:
            lost.append(path)
        elif test is not None and f"def {test}(" not in found.read_text(encoding="utf-8"):
            lost.append(f"{path}::{test}")
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_piece_of_code_ends_where_it_seems_to(page: Path) -> None:
    """A fence with a word behind it opens and never closes: all after it would be shown as code."""
    fences = re.findall(r"(?m)^ *```(.*)$", page.read_text(encoding="utf-8"))
    assert len(fences) % 2 == 0
    assert [word for word in fences[1::2] if word.strip()] == []


@pytest.mark.parametrize("way", ["The way of a change out", "The way of a change in"])
def test_each_step_of_a_way_is_one_file_and_none_comes_twice(way: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition(f"## {way}\n")[2].partition("\n## ")[0]
    steps = re.findall(r"(?m)^\d+\. `([^`]+)`:", section)
    assert len(steps) == len(re.findall(r"(?m)^\d+\. ", section)) == 10
    assert len(set(steps)) == len(steps)


def test_the_decisions_are_numbered_and_the_index_has_each_under_its_title() -> None:
    pages = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [page.name[:4] for page in pages] == [f"{n:04d}" for n in range(1, len(pages) + 1)]
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    expected = []
    for page in pages:
        number, _, title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(". ")
        assert number == page.name[:4]
        expected.append(f"- [{number}]({page.name}) {title}")
    # By subject, and within a subject in their order.
    subjects = [re.findall(r"(?m)^- \[.*$", part) for part in index.split("\n## ")[1:]]
    assert all(listed and listed == sorted(listed) for listed in subjects)
    assert sorted(line for listed in subjects for line in listed) == expected


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda page: page.name[:4])
def test_a_decision_says_what_it_was_up_against_what_was_chosen_and_what_follows(page: Path) -> None:
    sections = re.findall(r"(?m)^## (.*)$", page.read_text(encoding="utf-8"))
    assert sections in (_SECTIONS, _SECTIONS[:-1])


_FAULT = re.compile(r"^\| ([A-F]\d+) \|.*\|([^|]*)\|$", re.MULTILINE)


def test_each_fault_on_record_is_named_by_the_tests_that_its_row_names() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    unnamed = [
        (number, path)
        for number, tests in _FAULT.findall(page)
        for path in re.findall(r"`([^`]+)`", tests)
        if not re.search(rf"\b{number}\b", (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert unnamed == []
    assert len(_FAULT.findall(page)) > 50
