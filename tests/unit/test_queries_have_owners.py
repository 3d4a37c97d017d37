"""Every query has one owner: the module beside which its file lies loads it, and somebody runs it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from domiq_dagster.db.sqlfile import read_queries

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "domiq_dagster"


class Loaded(NamedTuple):
    """A file of queries, and the module that loads it under a name."""

    module: Path
    variable: str
    package: str
    file: str


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def loaded() -> Iterator[Loaded]:
    for module in modules():
        for node in ast.walk(ast.parse(module.read_text())):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
                continue
            call = node.value
            if isinstance(call.func, ast.Name) and call.func.id == "load_queries":
                package, file = call.args
                own = ".".join(module.relative_to(ROOT).parent.parts)
                assert isinstance(node.targets[0], ast.Name)
                assert isinstance(file, ast.Constant)
                named = own if isinstance(package, ast.Name) else ast.literal_eval(package)
                yield Loaded(module, node.targets[0].id, named, str(file.value))


def is_queries(node: ast.expr, each: Loaded) -> bool:
    """Whether an expression is the name under which the module has loaded its queries."""
    return isinstance(node, ast.Name) and node.id == each.variable


def attributes_of(each: Loaded) -> set[str]:
    """What the module names as `QUERIES.name`."""
    return {
        node.attr
        for node in ast.walk(ast.parse(each.module.read_text()))
        if isinstance(node, ast.Attribute) and is_queries(node.value, each)
    }


def worked_out(each: Loaded) -> set[str]:
    """Every text of a module that works out the name of a query, with `QUERIES[...]`."""
    nodes = list(ast.walk(ast.parse(each.module.read_text())))
    if not any(isinstance(node, ast.Subscript) and is_queries(node.value, each) for node in nodes):
        return set()
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_a_module_loads_only_what_lies_beside_it() -> None:
    strangers = [
        f"{each.module.relative_to(ROOT)} loads {each.package}/{each.file}"
        for each in loaded()
        if each.package != ".".join(each.module.relative_to(ROOT).parent.parts)
    ]
    assert strangers == []


def test_each_file_is_loaded_by_one_module() -> None:
    owners: dict[tuple[str, str], list[str]] = {}
    for each in loaded():
        owners.setdefault((each.package, each.file), []).append(each.module.name)
    assert {file: names for file, names in owners.items() if len(names) > 1} == {}
    files = {(".".join(p.relative_to(ROOT).parent.parts), p.name) for p in PACKAGE.rglob("*.sql")}
    assert files - owners.keys() == set()


@pytest.mark.parametrize("each", list(loaded()), ids=lambda each: f"{each.package}/{each.file}")
def test_every_query_is_run_and_every_query_that_is_named_is_there(each: Loaded) -> None:
    there = read_queries(each.package, each.file).keys()
    named = attributes_of(each)
    assert there - named - worked_out(each) == set(), "nobody runs these"
    assert named - there == set(), "these are named, and not there"


def test_only_what_is_named_as_a_query_counts_as_run(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    each = Loaded(module, "QUERIES", "room", "module.sql")
    module.write_text("run(QUERIES.claim)\nqueue.settle('postpone')\n")
    assert (attributes_of(each), worked_out(each)) == ({"claim"}, set())
    module.write_text("def ids(kind):\n    run(QUERIES[kind])\nids('lanes')\n")
    assert (attributes_of(each), worked_out(each)) == (set(), {"lanes"})


WRITERS = {
    "delivery": {"queue"},
    "change": {"queue"},
    "lead_link": {"linking"},
    "closed_link": {"linking"},
    "link_question": {"linking"},
    "link_decision": {"linking"},
    "resman_lead": {"pull", "delivery"},
    "missing_lead": {"pull"},
    "watermark": {"pull"},
    "pull": {"pull"},
    "conflict": {"decisions"},
    "attempt": {"queue"},
    "notification": {"notifications"},
    "alert": {"alerts"},
    "public.status_sync_log": {"queue"},
    "status_sync_log_archive": {"queue"},
    "erasure": {"housekeeping"},
}
"""The rooms that write each of the machinery's busy tables, and the log of changes. resman_lead: what a pull
read, and what is known since a post of our own."""
_WRITE = re.compile(
    r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+(?:domiq_sync\.(\w+)|(public\.status_sync_log)\b)", re.IGNORECASE
)
_COMMENT = re.compile(r"--[^\n]*")


def test_each_table_is_written_in_its_own_room() -> None:
    found: dict[str, set[str]] = {}
    for path in [*PACKAGE.rglob("*.sql"), *PACKAGE.rglob("*.py")]:
        if "demo" not in path.parts:
            for own, log in _WRITE.findall(_COMMENT.sub("", path.read_text())):
                found.setdefault(own or log, set()).add(path.parent.name)
    assert {table: found.get(table) for table in WRITERS} == WRITERS
    # Of the others, whatever they are, each has one room as well.
    assert {table: rooms for table, rooms in found.items() if len(rooms) > 1 and table not in WRITERS} == {}
