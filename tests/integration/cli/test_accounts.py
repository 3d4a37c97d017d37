"""accounts: which are paused, why and until when, and opening one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domiq_dagster.resman.outcomes import MAX_WAIT
from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.alerts.thresholds import Threshold
from tests.fixtures.commands import Run
from tests.fixtures.world import POST, World


def test_an_account_that_asks_for_a_day_gets_a_quarter_of_an_hour_is_shown_told_and_can_be_opened(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """D11: Retry-After: 86400."""
    flats = world.property()
    world.sync()
    chat = world.conversation(flats, "new")
    world.standin.faults({"kind": "status", "status": 429, "retry_after": 86_400, "endpoint": POST})
    world.push()
    listed = run("accounts", "--json", **env)
    (account,) = listed.result["accounts"]
    assert (listed.code, account["state"], account["reason"]) == (0, "paused", "busy")
    left = datetime.fromisoformat(account["paused_until"]) - datetime.now(UTC)
    assert timedelta(seconds=MAX_WAIT - 60) < left <= timedelta(seconds=MAX_WAIT)
    assert "to try it now: domiq-sync accounts --open 400" in listed.out
    assert world.delivery().next_attempt_at <= datetime.now(UTC) + timedelta(seconds=MAX_WAIT)
    assert "account 400 paused (busy), tried again in " in run("status", **env).out
    now = datetime.now(UTC)
    for moment in (now, now + timedelta(minutes=6)):
        told = evaluate(world.engine, Threshold(), now=moment)
    assert [notice.subject.kind for notice in told.notices] == ["resman_down"]

    world.standin.faults()
    assert "would be opened" in run("accounts", "--open", "400", "--dry-run", **env).out
    assert world.push().delivered == 0
    opened = run("accounts", "--open", "400", "--json", **env)
    assert (opened.code, opened.result["opened"]) == (0, "400")
    assert opened.result["accounts"][0]["state"] == "to be tried"
    world.push()
    assert world.last(chat).sync_status == "success"
    assert run("accounts", "--json", **env).result["accounts"][0]["state"] == "open"


def test_what_cannot_be_opened_is_said_in_a_sentence(run: Run, world: World, env: dict[str, str]) -> None:
    assert "No property is connected" in run("accounts", **env).out
    world.property()
    for name, sentence in (("400", "is not paused"), ("nope", "No account is called nope. Known: 400.")):
        done = run("accounts", "--open", name, **env)
        assert (done.code, sentence in " ".join(done.err.split())) == (2, True), done.err


def test_the_requests_of_the_day_are_listed_by_property(run: Run, world: World, env: dict[str, str]) -> None:
    world.property()
    world.sync()
    world.gates[0].close()
    listed = run("accounts", "--json", **env)
    (key,) = [i.partition_key for i in world.integrations()]
    assert listed.result["accounts"][0]["pull_budget"] == 1.0
    by_property = {r["partition_key"]: (r["v1"], r["v2"]) for r in listed.result["requests"]}
    assert by_property[key][1] >= 1
    assert sum(v1 + v2 for v1, v2 in by_property.values()) == len(world.standin.requests())
    assert {r["day"] for r in listed.result["requests"]} == {datetime.now(UTC).date().isoformat()}
    assert key in listed.out
    assert "(the account itself)" in listed.out
