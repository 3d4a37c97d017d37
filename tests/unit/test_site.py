"""The site of the documents: links are made to fit, and what is wrong with a built site is found."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tools.site import AT_ROOT, ROOT, SETTINGS, faults, fitted, gather, pages, placed

SHOWN = ["index.md", *AT_ROOT]


def names(nav: list[dict[str, object]]) -> list[str]:
    """The pages of a navigation, from above."""
    found: list[str] = []
    for entry in nav:
        for value in entry.values():
            found += names(value) if isinstance(value, list) else [str(value)]
    return found


def test_the_navigation_names_every_page_once_and_the_decisions_by_their_index() -> None:
    settings = tomllib.loads((ROOT / SETTINGS).read_text(encoding="utf-8"))
    there = {placed(page).as_posix() for page in pages()}
    decisions = {name for name in there if name.startswith("decisions/")}
    expected = there - decisions | {"decisions/index.md"}
    assert sorted(names(settings["project"]["nav"])) == sorted(expected)


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("docs/rules.md", "rules.md"),
        ("docs/decisions/README.md", "decisions/index.md"),
        ("README.md", "index.md"),
        ("CONTRIBUTING.md", "CONTRIBUTING.md"),
        ("sql/roles/runtime.sql", "files/sql/roles/runtime.sql"),
    ],
)
def test_a_file_has_its_place_on_the_site(file: str, place: str) -> None:
    assert placed(ROOT / file).as_posix() == place


def test_links_lead_from_where_a_page_lies_to_where_the_other_does(tmp_path: Path) -> None:
    told = fitted(ROOT / "docs" / "databases.md", tmp_path)
    assert "](files/sql/roles/runtime.sql)" in told
    assert (tmp_path / "files/sql/roles/runtime.sql").read_bytes() == (
        ROOT / "sql/roles/runtime.sql"
    ).read_bytes()
    assert "](docs/decisions/" not in fitted(ROOT / "CONTRIBUTING.md", tmp_path)
    assert "](../decision-table.md)" in fitted(ROOT / "docs/decisions/README.md", tmp_path)


def test_no_picture_is_left_that_needs_a_script_from_elsewhere(tmp_path: Path) -> None:
    gather(tmp_path)
    gathered = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.md")}
    assert [path for path, text in gathered.items() if "```mermaid" in text] == []
    folded = gathered[tmp_path / "architecture.md"]
    assert folded.count('??? note "The picture, as text"') == 2
    assert re.search(r'\?\?\? note "The picture, as text"\n\n    ```text\n    flowchart TB\n', folded)


def page(site: Path, name: str, body: str) -> None:
    (site / name).parent.mkdir(parents=True, exist_ok=True)
    (site / name).write_text(f"<html><head></head><body>{body}</body></html>", encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two pages that lead to each other, with nothing wrong."""
    page(
        tmp_path,
        "index.html",
        '<h1 id="top"></h1><a href="deep/other.html#its-part">there</a><a href="#top">up</a>',
    )
    page(
        tmp_path,
        "deep/other.html",
        '<p id="its-part"></p><a href="../">home</a><a href="https://example.com/">away</a>',
    )
    return tmp_path


def test_a_site_that_is_whole_has_no_faults(site: Path) -> None:
    assert faults(site) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">x</a>', "gone.html leads nowhere"),
        ('<a href="deep/other.html#gone">x</a>', "deep/other.html#gone leads to no anchor"),
        ('<a href="#gone">x</a>', "#gone leads to no anchor"),
        ('<img src="gone.png">', "gone.png leads nowhere"),
        (
            '<script src="https://cdn.example.com/x.js"></script>',
            "https://cdn.example.com/x.js, which is elsewhere",
        ),
        ('<script src="//cdn.example.com/x.js"></script>', "//cdn.example.com/x.js, which is elsewhere"),
        (
            '<link rel="preconnect" href="https://fonts.example.com">',
            "https://fonts.example.com, which is elsewhere",
        ),
    ],
)
def test_what_is_wrong_with_a_page_is_named(site: Path, body: str, fault: str) -> None:
    page(site, "third.html", body)
    (found,) = faults(site)
    assert found.startswith("third.html: ")
    assert found.endswith(fault)


@pytest.mark.parametrize(
    "rule", ['@import "https://fonts.example.com/x.css";', "a { background: url(//example.com/x.png) }"]
)
def test_a_style_that_loads_something_from_elsewhere_is_named(site: Path, rule: str) -> None:
    (site / "x.css").write_text(rule, encoding="utf-8")
    assert faults(site) == ["x.css: loads something from elsewhere"]
