"""plan-map: what a changed status map or policy would do, which is what it does."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.fixtures.commands import Run
from tests.fixtures.world import World

DENIED = {"resman": {"Applicant/Denied": {"covers": ["lost"], "sets": "lost"}}}


@pytest.fixture
def agreed(world: World) -> dict[str, UUID]:
    """Conversations in step with their leads, by what they are at."""
    flats = world.property(0)
    found = {}
    for status, resman in (("contacted", "Prospect"), ("qualified", "Prospect"), ("lost", "Lost")):
        email = f"{status}@example.com"
        world.lead(0, email=email, status=resman, first=status, last="Example")
        found[status] = world.conversation(flats, status, email=email, age="1 h")
    world.sync(2)
    return found


def _file(folder: Path, content: object) -> Path:
    file = folder / "map.json"
    file.write_text(json.dumps(content))
    return file


def _moves(result: dict[str, Any]) -> dict[tuple[str, str, str], int]:
    return {(e["does"], e["from"], e["to"]): e["leads"] for e in result["effects"]}


def test_what_is_planned_is_what_happens_and_nothing_is_written(
    run: Run, world: World, env: dict[str, str], agreed: dict[str, UUID], tmp_path: Path
) -> None:
    """A Prospect that covers less than before: the trigger has such leads decided about anew."""
    narrow = {"resman": {"Prospect": {"covers": ["new", "contacted"], "sets": "contacted"}}}
    before = world.versions()
    done = run("plan-map", "--file", _file(tmp_path, narrow), "--json", **env)
    assert (done.code, done.err) == (0, "")
    assert world.versions() == before
    assert _moves(done.result) == {("set in DomIQ", "qualified", "contacted"): 1}
    (flats,) = done.result["properties"]
    assert (flats["leads"], flats["effects"][0]["sample"]) == (3, [str(agreed["qualified"])])
    assert "Of 3 leads at 1 properties 1 would move." in done.out

    world.do(
        "UPDATE domiq_sync.resman_status_map SET covers = '{new,contacted}' WHERE resman_status = 'Prospect'"
    )
    (applied,) = world.apply()
    assert applied.applied == 1
    assert {name: world.status(chat) for name, chat in agreed.items()} == {
        "contacted": "contacted", "qualified": "contacted", "lost": "lost",
    }  # fmt: skip


def test_another_policy_is_planned_for_the_property_that_it_is_about(
    run: Run, world: World, env: dict[str, str], tmp_path: Path
) -> None:
    flats = world.property(0, conflict_policy="manual_review")
    lead = world.lead(0, email="a@example.com")["prospectId"]
    chat = world.conversation(flats, "contacted", email="a@example.com")
    world.sync()
    world.change(chat, status="tour_scheduled")
    world.standin.edit(lead, status="Lost")
    world.sync()
    file = _file(tmp_path, {"property": "juniper-flats", "policy": "resman_wins"})
    done = run("plan-map", "--file", file, "--json", **env)
    (effect,) = done.result["effects"]
    assert (effect["from"], effect["to"], effect["instead_of"]) == (
        "tour_scheduled", "lost", "a person is asked",
    )  # fmt: skip
    assert world.value("SELECT conflict_policy FROM domiq_sync.integration") == "manual_review"
    asks = run("plan-map", "--file", _file(tmp_path, {"policy": "manual_review"}), "--json", **env)
    assert asks.result["would_move"] == 0


def test_words_that_would_become_leads_are_counted(
    run: Run, world: World, env: dict[str, str], agreed: dict[str, UUID], tmp_path: Path
) -> None:
    for _ in "ab":
        world.conversation(world.integrations()[0].property_id, "Hot")
    proposed = {"domiq": {"hot": {"lead_status": "qualified", "event_type": "Other"}, "lost": None}}
    done = run("plan-map", "--file", _file(tmp_path, proposed), "--json", **env)
    (flats,) = done.result["properties"]
    assert [(w["word"], w["means"], w["would_mean"], w["conversations"]) for w in flats["words"]] == [
        ("hot", None, "qualified", 2),
        ("lost", "lost", None, 1),
    ]
    assert "2 conversations that show 'hot' would become leads (qualified)" in done.out


def test_each_fault_of_the_file_is_a_line(
    run: Run, world: World, env: dict[str, str], tmp_path: Path
) -> None:
    world.property(0)
    one = run("plan-map", "--file", _file(tmp_path, {"policy": "best"}), **env)
    assert one.sentence.startswith("The file has the policy 'best'")
    both = _file(tmp_path, {"policy": "best", "resman": {"Lost": {"covers": ["x"], "sets": "x"}}})
    done = run("plan-map", "--file", both, COLUMNS="80", **env)
    assert (done.code, done.out) == (2, "")
    policy, row, summary = done.err.splitlines()
    assert policy.startswith("  The file has the policy 'best'")
    assert row.startswith("  The row for ResMan's status 'Lost' covers 'x'")
    assert summary.startswith(f"domiq-sync: {both} has 2 faults, so nothing was planned")
    missing = run("plan-map", "--file", tmp_path / "none.json", **env)
    assert "cannot be read: No such file" in str(missing.sentence)
