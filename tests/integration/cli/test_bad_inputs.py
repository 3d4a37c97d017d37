"""Whatever a user can cause gives one sentence and an exit code of its own, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from tests.fixtures.bad_inputs import COMMAND_LINE, ENVIRONMENT, READERS, TABLES, Bad
from tests.fixtures.commands import Run
from tests.fixtures.world import World


@pytest.fixture
def filled(tmp_path: Path) -> dict[str, str]:
    """Files by the name that the inputs call them."""
    rule = {"trigger_status": "new", "actions": {}, "conditions": {}}
    contents: dict[str, bytes] = {
        "not_json": b"{",
        "not_utf8": b"\xff\xfe{}",
        "deep": b"[" * 50_000,
        "long": b"[" + b"9" * 6_000 + b"]",
        "scalar": b"7",
        "nothing": b"[]",
        "odd_rule": b'[{"bogus": 1}]',
        "unknown_property": json.dumps({**rule, "property": "nowhere"}).encode(),
        "bad_id": json.dumps({**rule, "id": "nope"}).encode(),
    }
    found = {"missing": str(tmp_path / "missing"), "directory": str(tmp_path)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        found[name] = str(tmp_path / name)
    return found


def _wrong(run: Run, bad: Bad, env: dict[str, str], filled: dict[str, str]) -> list[str]:
    """What is wrong with how one bad input ended."""

    def fill(text: str) -> str:
        for name, value in filled.items():
            text = text.replace("{" + name + "}", value)
        return text

    surroundings = {**env, **{n: fill(v) for n, v in bad.environment.items()}}
    if surroundings.pop("DOMIQ_DATABASE_URL_", None):
        surroundings.pop("DOMIQ_DATABASE_URL")

    done = run(*(fill(a) for a in bad.arguments), **surroundings)
    wrong = []
    said = [line for line in done.err.splitlines() if line != "Starting PostgreSQL ..."]
    if "Traceback" in done.err + done.out:
        wrong.append("a traceback")
    if done.code not in bad.codes:
        wrong.append(f"ended with {done.code}")
    if "hunter2" in done.err + done.out:
        wrong.append("tells a secret")
    if done.code == 2 and (len(said) != 1 or not said[0].startswith("domiq-sync: ") or len(said[0]) > 700):
        wrong.append("is not one sentence")
    return [f"{bad.name}: {why}: {done.err[-400:]} {done.out[-150:]}" for why in wrong]


@pytest.mark.parametrize("part", [0, 1])
def test_a_bad_argument_is_one_sentence(
    run: Run, world: World, env: dict[str, str], filled: dict[str, str], part: int
) -> None:
    world.property(0)
    there = world.at_resman[7]
    filled |= {
        "lofts": str(world.property(7, connected=False)),
        "account": there["accountId"],
        "there": there["propertyId"],
    }
    tried = COMMAND_LINE[part::2]
    wrong = [one for bad in tried for one in _wrong(run, bad, env, filled)]
    print(f"{len(tried)} bad arguments tried")
    assert not wrong, "\n" + "\n".join(wrong)
    assert len(COMMAND_LINE) >= 130


def test_a_bad_environment_is_one_sentence(
    run: Run, world: World, env: dict[str, str], filled: dict[str, str]
) -> None:
    world.property(0)
    wrong = [one for bad in ENVIRONMENT for one in _wrong(run, bad, env, filled)]
    print(f"{len(ENVIRONMENT)} bad variables tried")
    assert not wrong, "\n" + "\n".join(wrong)


def test_a_bad_row_is_one_sentence_and_no_traceback(
    run: Run, world: World, env: dict[str, str], filled: dict[str, str]
) -> None:
    flats = world.property(0)
    world.conversation(flats)
    world.sync()
    tried = 0
    wrong = []
    for name, statement in TABLES:
        try:
            world.do(statement.replace(":", r"\:"))
        except DBAPIError:
            continue  # the database has refused it, to whoever wrote it
        reader = READERS[tried % len(READERS)]
        tried += 1
        wrong += _wrong(run, Bad(name, reader, {}, (0, 1, 2)), env, filled)
    print(f"{tried} bad rows tried")
    assert not wrong, "\n" + "\n".join(wrong)
    assert tried >= 15
