"""What every command has alike: one JSON object on stdout, help, a version, completion, and that it makes
nothing where it only reads."""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import typer.main

from domiq_dagster.cli.main import DECIDE, LOOK, RUN, SET_UP, TRY, app
from domiq_dagster.runtime.home_lock import LOCK, alone
from tests.fixtures.commands import Run
from tests.fixtures.world import World

GROUP = typer.main.get_command(app)
READING = {
    "status": [],
    "doctor": [],
    "failures": [],
    "accounts": [],
    "conflicts": [],
    "notifications": [],
    "sync --dry-run": [],
    "retry --dry-run": [],
    "housekeeping --dry-run": [],
    "rules check": [],
    "rules plan": [],
    "alerts list": [],
    "alerts look": [],
    "alerts thresholds": [],
    "alerts backtest": ["--days", "1"],
    "report": [],
    "pause --all --dry-run": ["--because", "x"],
    "resume --all --dry-run": [],
    "properties": [],
    "history": [],
    "duplicates": [],
}


@pytest.fixture
def both_moved(world: World) -> UUID:
    """A conflict for a person, a link to decide and leads that nobody can tell apart."""
    flats = world.property(0, conflict_policy="manual_review")
    lead = world.lead(email="a@example.com")
    chat = world.conversation(flats, "contacted", email="a@example.com")
    for _ in "ab":
        world.lead(email="bo@example.com")
    world.conversation(flats, "qualified", email="bo@example.com")
    world.sync()
    world.change(chat, status="tour_scheduled")
    world.standin.edit(lead["prospectId"], status="Lost")
    world.sync()
    return chat


@pytest.mark.parametrize("command", READING)
def test_with_json_stdout_is_one_object(run: Run, world: World, env: dict[str, str], command: str) -> None:
    """F12: whatever is for people goes to stderr."""
    world.conversation(world.property(0), "new")
    done = run(*command.split(), *READING[command], "--json", **env)
    assert done.code in (0, 1), done
    assert done.result
    assert done.stdout.count("\n") == 1


def test_with_json_what_cannot_run_is_one_object_as_well(run: Run, env: dict[str, str]) -> None:
    """F12: also where the arguments could not be understood."""
    for arguments in (["status", "--json", "--bogus"], ["status", "--property", "nowhere", "--json"]):
        done = run(*arguments, **env)
        assert (done.code, json.loads(done.stdout)["ok"]) == (2, False)
        assert json.loads(done.stdout)["error"] in done.err


def test_ids_are_whole_at_80_columns(run: Run, env: dict[str, str], both_moved: UUID) -> None:
    """F13: each id that conflicts takes stands in one line of 80 columns or fewer."""
    listed = run("conflicts", "--json", **env)
    (conflict,) = listed.result["conflicts"]
    (link,) = listed.result["links"]
    lines = run("conflicts", **env).out.splitlines()
    for found in (conflict["conversation_id"], conflict["prospect_id"], *link["conversation_ids"]):
        assert any(line.endswith(f" {found}") for line in lines)
    assert max(map(len, lines)) <= 80


def test_each_command_has_h_and_the_program_its_version(run: Run) -> None:
    """F13: as the field has it."""
    for words in ([], ["status"], ["rules"], ["rules", "plan"]):
        short, long = (run(*words, option, COLUMNS="100") for option in ("-h", "--help"))
        assert (short.code, short.out) == (0, long.out)
        assert "Usage: " in short.out
    told = run("--version")
    assert (told.code, told.err) == (0, "")
    assert re.fullmatch(r"domiq-sync \d+\.\d+\.\d+\S*\n", told.out)


def test_a_shell_completes_commands(run: Run) -> None:
    """F13: what --show-completion installs asks in this way."""
    done = run(_DOMIQ_SYNC_COMPLETE="complete_bash", COMP_WORDS="domiq-sync pa", COMP_CWORD="1")
    assert (done.code, done.out.split()) == (0, ["pause"])
    assert "_DOMIQ_SYNC_COMPLETE" in run("--show-completion", "bash").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sync", "--believe-short"], "--believe-short is about what a full read lacks"),
        (["notifications", "--test", "email", "--retry-undeliverable"], "Test a channel, or retry notices"),
        (["notifications", "--to", "a@example.com"], "--to is where a test message goes"),
        (["notifications", "--retry", str(uuid4())], "Of these notices none failed to arrive"),
        (["retry", str(uuid4()), "--reason", "refused"], "Give the ids of changes, or --property"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(
    run: Run, env: dict[str, str], arguments: list[str], sentence: str
) -> None:
    """F13: rather than left out of account."""
    assert run(*arguments, **env).sentence.startswith(sentence)


@pytest.mark.parametrize("command", ["status", "conflicts", "failures", "accounts", "explain x", "sync"])
def test_a_command_that_only_reads_makes_no_database(run: Run, tmp_path: Path, command: str) -> None:
    """F11: in an empty directory it says that nobody named one, and leaves the directory as it was."""
    there = {"RESMAN_PARTNER_ID": "p", "RESMAN_API_KEY": "k"}
    done = run(*command.split(), **there)
    assert done.sentence.startswith("DOMIQ_DATABASE_URL is not set, and there is no database in ")
    assert not (tmp_path / "home").exists()
    nothing = run(*command.split(), **there, DOMIQ_DATABASE_URL="")
    assert nothing.sentence.startswith("DOMIQ_DATABASE_URL is set to nothing")


@pytest.mark.parametrize("command", ["dev", "demo"])
def test_a_second_one_in_the_same_home_is_refused(run: Run, tmp_path: Path, command: str) -> None:
    """F3: it says which one runs there; the databases and the stand-in's state stay as they are."""
    home = tmp_path / "home"
    with alone(home, "dev"):
        done = run(command)
        assert done.sentence.startswith(f"A dev (pid {os.getpid()}) is running here, in ")
        assert [path.name for path in home.iterdir()] == [LOCK]
    with alone(home, "demo"):
        assert run(command).sentence.startswith(f"A demo (pid {os.getpid()}) is running here")


@pytest.mark.parametrize("words", [["--break", "rule"], ["--mend"]])
def test_nothing_is_broken_or_mended_where_no_dev_runs(run: Run, tmp_path: Path, words: list[str]) -> None:
    """And nothing is made there."""
    home = tmp_path / "home"
    sentence = run("dev", *words, DOMIQ_HOME=str(home)).sentence
    assert sentence.startswith(f"No dev is running in {home}: start one with `make dev`")
    assert not home.exists()


def test_a_dev_is_broken_or_mended_and_not_both(run: Run) -> None:
    assert run("dev", "--break", "rule", "--mend").sentence == "Give --break or --mend: not both."


def test_whoever_was_killed_keeps_no_home(tmp_path: Path) -> None:
    """F3: the lock is the system's, and ends with its holder; what is written in it does not count."""
    (tmp_path / LOCK).write_text("dev (pid 1)")
    with alone(tmp_path, "dev"):
        assert (tmp_path / LOCK).read_text() == f"dev (pid {os.getpid()})"
    with alone(tmp_path, "demo"):
        assert (tmp_path / LOCK).read_text().startswith("demo")


def test_every_command_that_has_a_result_has_json() -> None:
    """F12: but for those that go on until they are told to stop, and migrate."""
    lacking = sorted(name for name, options in _options(GROUP, "") if "--json" not in options)
    assert lacking == ["daemon", "migrate", "standin", "worker"]


def _commands(command: Any, path: str = "domiq-sync") -> list[tuple[str, Any]]:
    """Each command and group with its path, the program itself among them."""
    inner = getattr(command, "commands", {})
    return [(path, command)] + [c for key, one in inner.items() for c in _commands(one, f"{path} {key}")]


@pytest.mark.parametrize(("path", "command"), _commands(GROUP), ids=lambda p: p if isinstance(p, str) else "")
def test_each_command_ends_its_help_with_an_example_that_it_understands(path: str, command: Any) -> None:
    """F13: of itself or of one of its own, with options and arguments that there are."""
    assert command.epilog.startswith(f"Example: {path}")
    words = shlex.split(command.epilog.removeprefix("Example: domiq-sync"))
    one = GROUP
    while words and words[0] in getattr(one, "commands", {}):
        one = one.commands[words.pop(0)]
    with one.make_context("domiq-sync", words, resilient_parsing=True) as context:
        assert context.args == []
    options = {option for p in one.params for option in p.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_help_groups_the_commands_and_fits_80_columns(run: Run) -> None:
    """F13: each command has one line."""
    lines = run("--help", COLUMNS="80").out.splitlines()
    panels = [line.strip("╭─╮ ") for line in lines if line.startswith("╭")]
    assert panels == ["Options", LOOK, DECIDE, RUN, SET_UP, TRY]
    assert max(map(len, lines)) <= 80
    for name, command in GROUP.commands.items():
        (told,) = [line for line in lines if re.match(rf"│ {name} ", line)]
        assert command.get_short_help_str(200).split()[0] in told


def test_each_command_that_decides_can_say_who(run: Run) -> None:
    deciding = ["accounts", "alerts thresholds", "conflicts", "connect", "erase", "housekeeping"]
    deciding += ["notifications", "pause", "restored", "resume", "retry", "sync", "uninstall"]
    assert sorted(name for name, options in _options(GROUP, "") if "--by" in options) == deciding


def _options(command: object, name: str) -> list[tuple[str, set[str]]]:
    """Each command under this one with its options."""
    inner: dict[str, object] = getattr(command, "commands", {})
    if inner:
        return [found for key, one in inner.items() for found in _options(one, f"{name} {key}".strip())]
    parameters: list[object] = command.params  # type: ignore[attr-defined]
    return [(name, {option for p in parameters for option in p.opts})]  # type: ignore[attr-defined]
