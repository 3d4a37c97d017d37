"""The picture of the rooms in docs/architecture.md is what the code is, and each room says what it is for."""

from __future__ import annotations

import ast

import grimp
import pytest

from tools.rooms import (
    BEGIN,
    END,
    PACKAGE,
    PAGE,
    ROOT,
    CannotDraw,
    Room,
    diagram,
    drawn,
    first_sentence,
    markdown,
    read_house,
    read_houses,
)


def test_the_picture_is_what_the_code_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == drawn(page, markdown(read_houses())), "run: make rooms"


def test_each_room_of_the_engine_says_what_belongs_there_and_what_does_not() -> None:
    rooms = sorted((ROOT / PACKAGE / "sync").glob("*/__init__.py"))
    assert rooms
    told = {room.parent.name: ast.get_docstring(ast.parse(room.read_text())) or "" for room in rooms}
    words = {name: " ".join(text.split()) for name, text in told.items()}
    silent = [name for name, text in words.items() if "belongs here:" not in text or "does not:" not in text]
    assert silent == []


@pytest.fixture
def graph() -> grimp.ImportGraph:
    graph = grimp.ImportGraph()
    for name in ("", ".top", ".top.part", ".left", ".right", ".one", ".other"):
        graph.add_module(f"house{name}")
    for importer, imported in (
        *(("top.part", "left"), ("left", "one"), ("one", "other"), ("right", "other")),
        ("top", "top.part"),
    ):
        graph.add_import(importer=f"house.{importer}", imported=f"house.{imported}")
    return graph


def test_an_arrow_goes_from_room_to_room_and_names_joined_by_a_colon_are_one(
    graph: grimp.ImportGraph,
) -> None:
    house = read_house("house", ["top | (absent)", "left | right", "one : other"], graph)
    top, left, right, ground = Room(("top",)), Room(("left",)), Room(("right",)), Room(("one", "other"))
    assert house.floors == [[top], [left, right], [ground]]
    assert house.arrows == {(top, left), (left, ground), (right, ground)}


def test_the_picture_leaves_the_ground_out_that_everybody_uses(graph: grimp.ImportGraph) -> None:
    house = read_house("house", ["top", "left | right", "one : other"], graph)
    assert diagram(house).splitlines() == [
        "```mermaid",
        "flowchart TB",
        '    top["top"]',
        '    left["left"]',
        '    right["right"]',
        "    top --> left",
        "```",
    ]


def test_a_module_without_a_floor_is_named(graph: grimp.ImportGraph) -> None:
    with pytest.raises(CannotDraw, match=r"^Name other, right in the layers of house in pyproject\.toml"):
        read_house("house", ["top", "left", "one"], graph)


def test_the_sentence_of_a_room_does_not_say_its_name_twice() -> None:
    assert first_sentence(f"{PACKAGE}.sync", "pull").startswith("A property's prospects are read")
    assert first_sentence(PACKAGE, "resman").startswith("The wire to ResMan: client,")


def test_a_page_without_the_marks_says_which() -> None:
    assert drawn(f"a {BEGIN} old {END} b", "new") == "a new b"
    with pytest.raises(CannotDraw, match=r"^Put '<!-- rooms"):
        drawn("a page", "new")
