"""Draws the rooms as they are into docs/architecture.md: `make rooms`.

A room is a name in import-linter's layers of pyproject.toml; names joined by a colon are one room. Its floor
is the line that it stands on. An arrow is an import, as grimp finds it. What a room is for is the first
sentence of its docstring.
"""

from __future__ import annotations

import ast
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: made by `make rooms` -->", "<!-- end of rooms -->"
PACKAGE = "domiq_dagster"
HOUSES = (PACKAGE, f"{PACKAGE}.sync")
_NAMES_A_LINE = 3
_WIDTH = 120


class CannotDraw(Exception):
    """The rooms cannot be drawn; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Room:
    """The last names of the modules or packages that are one room."""

    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """What Mermaid calls it."""
        return "_".join(self.names)

    @property
    def label(self) -> str:
        """What a reader sees in the picture."""
        lines = [
            ", ".join(self.names[n : n + _NAMES_A_LINE]) for n in range(0, len(self.names), _NAMES_A_LINE)
        ]
        return ",<br>".join(lines)


@dataclass(frozen=True, slots=True)
class House:
    """The rooms of one package.

    Attributes:
        container: the package, with dots.
        floors: its rooms, the uppermost floor first. The last one is the ground, which every room may use.
        arrows: who imports whom.
    """

    container: str
    floors: Sequence[Sequence[Room]]
    arrows: frozenset[tuple[Room, Room]]

    @property
    def rooms(self) -> list[Room]:
        """All rooms, from above."""
        return [room for floor in self.floors for room in floor]


def read_house(container: str, layers: Iterable[str], graph: grimp.ImportGraph) -> House:
    """Reads the rooms of a package.

    Args:
        container: the package, with dots.
        layers: its floors as import-linter writes them, the uppermost first, such as `a | (b)` or `c : d`.
        graph: who imports whom.

    Raises:
        CannotDraw: a module of the package is in none of the layers.
    """
    there = {name.rpartition(".")[2] for name in graph.find_children(container)}
    floors = [[room for room in _rooms(layer, there) if room.names] for layer in layers]
    rooms = {name: room for floor in floors for room in floor for name in room.names}
    if homeless := there - rooms.keys():
        names = ", ".join(sorted(homeless))
        raise CannotDraw(f"Name {names} in the layers of {container} in pyproject.toml, then draw again.")
    arrows = {
        (rooms[importer], rooms[imported])
        for importer in rooms
        for imported in rooms
        if rooms[importer] is not rooms[imported]
        and graph.direct_import_exists(
            importer=f"{container}.{importer}", imported=f"{container}.{imported}", as_packages=True
        )
    }
    return House(container, floors, frozenset(arrows))


def _rooms(layer: str, there: set[str]) -> Iterator[Room]:
    """The rooms of one layer, which stand beside each other (`|`)."""
    for part in layer.split("|"):
        names = (name.strip().strip("()") for name in part.split(":"))
        yield Room(tuple(name for name in names if name in there))


def read_houses() -> list[House]:
    """Reads the package and its engine, with the layers of pyproject.toml. Raises CannotDraw."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = {
        contract["containers"][0]: contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    }
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    return [read_house(container, layers[container], graph) for container in HOUSES]


def markdown(houses: Iterable[House]) -> str:
    """What stands between the two marks of the page, with the marks."""
    parts = [BEGIN]
    for house in houses:
        parts += [f"### {house.container}", diagram(house), sentences(house)]
    return "\n\n".join([*parts, END])


def diagram(house: House) -> str:
    """The rooms above the ground, as a Mermaid flowchart. Arrows to the ground would hide all others."""
    above = [room for floor in house.floors[:-1] for room in floor]
    lines = [f'    {room.key}["{room.label}"]' for room in above]
    lines += [
        f"    {one.key} --> {other.key}" for one in above for other in above if (one, other) in house.arrows
    ]
    return "\n".join(["```mermaid", "flowchart TB", *lines, "```"])


def sentences(house: House) -> str:
    """A line a room, from above."""
    lines = []
    for room in house.rooms:
        names = ", ".join(f"`{name}`" for name in room.names)
        if len(room.names) == 1:
            told = first_sentence(house.container, room.names[0])
        elif room in house.floors[-1]:
            told = "the ground, which every room may use."
        else:
            told = "one room; its modules may know each other."
        lines += textwrap.wrap(
            f"- {names}: {told}",
            _WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def first_sentence(container: str, name: str) -> str:
    """The first sentence of a module's docstring, on one line, without the name that it may begin with."""
    base = ROOT.joinpath(*container.split("."), name)
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first, _, _ = " ".join(docstring.split("\n\n")[0].split()).partition(". ")
    opening, colon, rest = first.partition(": ")
    if colon and opening.lower() == name:
        first = rest[0].upper() + rest[1:]
    return first.rstrip(".") + "."


def drawn(page: str, rooms: str) -> str:
    """A page with these rooms in the place of those that it has. Raises CannotDraw."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise CannotDraw(f"Put '{BEGIN}' and '{END}' where the rooms belong.")
    return f"{before}{rooms}{after}"


if __name__ == "__main__":
    try:
        PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8"), markdown(read_houses())), encoding="utf-8")
    except CannotDraw as problem:
        sys.exit(str(problem))
