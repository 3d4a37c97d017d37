"""Every command that the documents name is one: its name, its options, how many words it takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import typer.main

from domiq_dagster.cli.main import app
from tests.fixtures.documented import PAGES, ROOT, blocks, commands

CLI = typer.main.get_command(app)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def objection(command: str) -> str | None:
    """What is wrong with a command; None: nothing. `a | b` names several, `...` stands for more."""
    for alternative in _alternatives(command):
        words = [word.removesuffix("...") for word in shlex.split(alternative, comments=True)]
        problem = _make(words[1:]) if words[0] == "make" else _domiq_sync(words[1:])
        if problem:
            return f"{alternative}: {problem}"
    return None


def _alternatives(command: str) -> list[str]:
    """`domiq-sync alerts list | look` is two commands."""
    first, *others = command.split(" | ")
    before = first.rpartition(" ")[0]
    return [first, *(f"{before} {other}" for other in others)]


def _make(words: list[str]) -> str | None:
    unknown = [word for word in words if "=" not in word and word not in TARGETS]
    return f"no target of the Makefile: {', '.join(unknown)}" if unknown else None


def _domiq_sync(words: list[str]) -> str | None:
    command, context = CLI, click.Context(CLI, info_name="domiq-sync")
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name, *words = words
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
        context = click.Context(command, info_name=name, parent=context)
    try:
        _, left, _ = command.make_parser(context).parse_args(args=list(words))
    except click.UsageError as error:
        return error.format_message()
    except Exception as error:  # typer carries a copy of click's errors
        if not type(error).__name__.startswith(("NoSuch", "Bad", "Usage", "Missing")):
            raise
        return str(error)
    return f"too many words: {' '.join(left)}" if left else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_names_is_one(page: Path) -> None:
    assert [problem for command in commands(page) if (problem := objection(command))] == []


def test_the_pages_name_most_commands() -> None:
    named = {command.split()[1] for page in PAGES for command in commands(page) if " " in command}
    assert set(CLI.commands) <= named | {"demo"}


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("domiq-sync statsu", "no command statsu"),
        ("domiq-sync alerts list | lok", "no command lok"),
        ("domiq-sync status --propery KEY", "--propery"),
        ("domiq-sync accounts --open", "--open"),
        ("domiq-sync explain ID ID", "too many words: ID"),
        ("make dmeo", "no target of the Makefile: dmeo"),
    ],
)
def test_what_is_no_command_is_found(command: str, complaint: str) -> None:
    assert complaint in (objection(command) or "")


@pytest.mark.parametrize(
    "command",
    [
        "domiq-sync",
        "domiq-sync pause KEY... --because 'ResMan moves the account'",
        "domiq-sync alerts list | look | thresholds | backtest",
        "make soak MINUTES=30",
    ],
)
def test_what_is_one_is_let_pass(command: str) -> None:
    assert objection(command) is None


def test_what_is_shown_of_a_shell_is_what_is_typed_there() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert not [line for line in block.text.splitlines() if line.startswith(("$ ", "> "))], block
