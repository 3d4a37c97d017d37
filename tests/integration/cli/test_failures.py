"""failures and retry: which changes failed, of what, and putting one of them back."""

import re

import pytest

from tests.fixtures.commands import Run
from tests.fixtures.world import POST, World


def refused(world: World, words: str) -> None:
    """A push of what is pending, in which ResMan refuses each post with these words."""
    world.standin.faults({"kind": "refuse", "endpoint": POST, "description": words})
    world.push()
    world.standin.faults()


def test_each_failed_change_is_listed_with_its_lead_resmans_words_and_what_to_do(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """F4: grouped by reason with one line of advice, and the id that retry takes."""
    flats, lofts = world.property(0), world.property(7)
    world.sync()
    chats = [world.conversation(p, "new") for p in (flats, flats, lofts)]
    world.push()
    for chat in chats:
        world.change(chat, status="qualified")
    refused(world, "Guest card is closed, ask ada@example.com")
    odd = world.conversation(flats, "active")
    world.log(odd, "mars")
    world.push()

    done = run("failures", "--json", **env)

    assert (done.code, done.result["failed"], done.result["overtaken"]) == (1, 4, 0)
    assert [(g["reason"], g["changes"]) for g in done.result["reasons"]] == [
        ("refused", 3),
        ("unmapped_status", 1),
    ]
    row = next(r for r in done.result["changes"] if r["conversation"] == str(chats[0]))
    change = world.last(chats[0])
    assert (row["change"], row["lead"], row["property"]) == (
        str(change.id),
        world.lead_of(chats[0])["prospectId"],
        "juniper-flats",
    )
    assert (row["new_status"], row["then"]) == ("qualified", f"domiq-sync retry {change.id}")
    assert row["words"].startswith("Guest card is closed, ask ")
    assert "ada@example.com" not in done.out + done.stdout
    assert re.search(r"^  refused: 3: ResMan refused what was sent", done.out, re.MULTILINE)
    assert f"  domiq-sync retry {change.id}\n" in done.out

    why = "juniper-flats failed: 3; why: domiq-sync failures --property juniper-flats"
    assert why in run("status", **env).out

    only = run("failures", "--property", "prairie-lofts", "--json", **env).result
    assert [r["conversation"] for r in only["changes"]] == [str(chats[2])]
    world.do("UPDATE domiq_sync.change SET logged_at = logged_at - interval '8 d'")
    assert "has failed" in run("failures", **env).out
    assert run("failures", "--since", "9d", "--most", "1", "--json", **env).result["not_listed"] == 3


def test_one_failed_change_is_put_back_by_its_id(run: Run, world: World, env: dict[str, str]) -> None:
    """F4: and no other; one that has not failed is refused."""
    flats = world.property(0)
    world.sync()
    first, second = (world.conversation(flats, "new") for _ in range(2))
    refused(world, "Not today")
    change = world.last(first)
    done = run("retry", change.id, "--json", **env)
    assert (done.code, done.result["retried"]) == (0, 1)
    assert (world.last(first).sync_status, world.last(second).sync_status) == ("pending", "failed")
    again = run("retry", change.id, **env)
    assert again.sentence == f"No failed change is {change.id}: `domiq-sync failures` lists those there are."
    both = run("retry", world.last(second).id, "--reason", "refused", **env)
    assert both.sentence.startswith("Give the ids of changes, or --property")
    assert world.last(second).sync_status == "failed"


def test_what_a_later_change_has_overtaken_needs_nothing(run: Run, world: World, env: dict[str, str]) -> None:
    """F4: it is listed, and not counted as failed."""
    flats = world.property(0)
    world.sync()
    chat = world.conversation(flats, "new")
    refused(world, "Not today")
    world.change(chat, status="qualified")
    world.deliver()
    done = run("failures", "--json", **env)
    assert (done.code, done.result["failed"], done.result["overtaken"], done.result["reasons"]) == (
        0,
        0,
        1,
        [],
    )
    assert [row["then"] for row in done.result["changes"]] == [None]


@pytest.mark.parametrize("since", ["last week", "", "7w", "-1d", "99999d", "2026-13-01"])
def test_a_span_that_is_none_is_refused(run: Run, env: dict[str, str], since: str) -> None:
    """F4: one sentence."""
    assert "time" in run("failures", "--since", since, **env).sentence
