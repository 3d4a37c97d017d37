"""Whoever catches what is wrong with records takes it: nothing is caught and dropped."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[3] / "domiq_dagster"


def parents_in(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def makes_faults(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Faults"


def names_given(statement: ast.AST) -> list[str]:
    """The names that an assignment gives, those of a class's fields as attributes of `self`."""
    if isinstance(statement, ast.AnnAssign):
        return [f"self.{ast.unparse(statement.target)}"]
    if isinstance(statement, ast.Assign):
        targets = statement.targets[0]
        each = targets.elts if isinstance(targets, ast.Tuple) else [targets]
        return [ast.unparse(target) for target in each]
    return []


def takes(scope: ast.AST, name: str) -> bool:
    """Whether the sentences of these faults are read there, or stored."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == f"{name}.sentences":
            return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "trouble.store":
            return name in [ast.unparse(argument) for argument in node.args]
    return False


def dropped(source: str) -> Iterator[int]:
    """The lines that make faults whose sentences nobody takes."""
    tree = ast.parse(source)
    parents = parents_in(tree)
    for node in ast.walk(tree):
        if not makes_faults(node):
            continue
        above, names, scope = node, [], None
        while scope is None and above in parents:
            above = parents[above]
            names = names or names_given(above)
            of_class = any(name.startswith("self.") for name in names)
            if isinstance(above, ast.ClassDef if of_class else (ast.FunctionDef, ast.Module)):
                scope = above
        assert isinstance(node, ast.Call)
        if not names or scope is None or not all(takes(scope, name) for name in names):
            yield node.lineno


def test_the_sentences_of_all_faults_are_taken() -> None:
    modules = sorted(PACKAGE.rglob("*.py"))
    sources = {module: module.read_text(encoding="utf-8") for module in modules}
    found = [(str(m.relative_to(PACKAGE)), line) for m, source in sources.items() for line in dropped(source)]
    assert found == []
    assert sum(makes_faults(node) for s in sources.values() for node in ast.walk(ast.parse(s))) > 20


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f():\n    faults = Faults('x')\n    with faults.of('a'):\n        g()", [2]),
        ("def f():\n    with Faults('x').of('a'):\n        g()", [2]),
        ("def f():\n    faults = trouble.Faults('x')\n    return g(faults)", [2]),
        ("def f():\n    faults = Faults('x')\n    return faults.sentences", []),
        ("def f():\n    a, b = (Faults(n) for n in 'ab')\n    return a.sentences", [2]),
        ("def f():\n    faults = Faults('x')\n    trouble.store(c, 'lead', p, faults)", []),
        ("class C:\n    faults: Faults = field(default_factory=lambda: Faults('x'))", [2]),
        (
            "class C:\n    faults: Faults = Faults('x')\n    def f(self):\n        g(self.faults.sentences)",
            [],
        ),
        ("class C:\n    def __init__(self):\n        self.faults = Faults('x')", [3]),
    ],
)
def test_faults_that_are_dropped_are_found(source: str, lines: list[int]) -> None:
    assert list(dropped(source)) == lines
