"""A worker that goes on pulls: what staff do is in DomIQ without anybody asking, in the order and within the
budget that the database keeps for all workers."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.pull import pulls
from domiq_dagster.sync.service.pull_claims import AppliedState, PullClaim, PullClaims
from domiq_dagster.sync.service.pull_order import OrderRules
from domiq_dagster.sync.service.service import ServiceOptions
from tests.fixtures.world import World
from tests.integration.sync.service.test_service import Told, running, until

OFTEN = OrderRules(pause=0.3, busy_pause=0.3, share=1.0)
PULLING = ServiceOptions(hears_notify=False, poll=0.1, quiet_poll=0.1, order=OFTEN)


def claims(
    world: World, worker: str = "one", *, lease: float = 40.0, rules: OrderRules = OFTEN
) -> PullClaims:
    return PullClaims(world.engine, worker, rules, lease=lease)


def account_of(world: World) -> str:
    return world.integrations()[0].account_id


def of_one_account(world: World, most: int) -> list[UUID]:
    """Properties of the stand-in's busiest account, connected."""
    counted = Counter(p["accountId"] for p in world.at_resman)
    ((account, _),) = counted.most_common(1)
    numbers = [n for n, p in enumerate(world.at_resman) if p["accountId"] == account]
    return [world.property(n) for n in numbers[:most]]


def released(chosen: PullClaims, claim: PullClaim | float, **more: Any) -> PullClaim:
    assert isinstance(claim, PullClaim)
    chosen.release(claim, **{"made": 1, "failures": 0, "applied": AppliedState.YES, **more})
    return claim


def asked(world: World) -> list[dict[str, Any]]:
    """The pulls' requests at the stand-in."""
    return [r for r in world.standin.requests() if "rospects" in r["endpoint"] and r["method"] == "GET"]


@pytest.fixture
def lead(world: World) -> Any:
    """A conversation whose lead is linked and agreed."""
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    return conversation


def test_a_staff_edit_is_applied_without_anybody_asking(world: World, lead: Any) -> None:
    told = Told()
    with running(world, PULLING, reports=told):
        world.standin.edit(world.lead_of(lead)["prospectId"], status="Lost")
        until(lambda: world.status(lead) == "lost")
        until(lambda: any(s.pulled for s in told.summaries))
    (found,) = [s.pulled for s in told.summaries if s.pulled][:1]
    (done,) = found.values()
    assert (done.pulled.stored, done.applied and done.applied.applied) == (1, 1)
    assert [c.sync_direction for c in world.changes(lead)][-1] == "from_resman"


def test_a_stop_gives_up_a_pull_that_waits_for_its_answer(world: World, lead: Any) -> None:
    before = world.rows("SELECT last_pull_at, failing_since FROM domiq_sync.watermark")
    world.standin.faults({"kind": "latency", "seconds": 12, "endpoint": "Prospects"})
    with running(world, PULLING) as service:
        until(lambda: world.rows("SELECT FROM domiq_sync.pull_claim WHERE worker IS NOT NULL"))
        service.stop()
    assert world.rows("SELECT last_pull_at, failing_since FROM domiq_sync.watermark") == before
    (claim,) = world.rows("SELECT * FROM domiq_sync.pull_claim")
    assert (claim.worker, claim.claimed_until, claim.failures) == (None, None, 0)


def test_a_property_that_is_connected_is_pulled_at_once(world: World) -> None:
    never_again = replace(PULLING, order=OrderRules())
    world.lead(email="bo@example.com")
    flats = world.property()
    conversation = world.conversation(flats, "contacted", email="bo@example.com")
    with running(world, never_again):
        until(
            lambda: world.rows("SELECT FROM domiq_sync.lead_link WHERE conversation_id = :c", c=conversation)
        )
        until(lambda: world.value("SELECT last_pull_at IS NOT NULL FROM domiq_sync.watermark"))


def test_without_pulls_it_only_pushes(world: World) -> None:
    world.property()
    with running(world, replace(PULLING, pulls=False)):
        time.sleep(0.5)
    assert asked(world) == []


def test_a_property_that_is_switched_off_is_not_pulled(world: World) -> None:
    world.property()
    world.do("UPDATE domiq_sync.integration SET sync_enabled = false")
    with running(world, PULLING):
        time.sleep(0.5)
    assert asked(world) == []
    assert claims(world).accounts() == []


def test_an_account_whose_breaker_is_open_or_that_has_no_budget_rests(world: World) -> None:
    world.property()
    account, one = account_of(world), claims(world)
    assert [a.account_id for a in one.accounts()] == [account]
    world.do("UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 minute'")
    assert one.accounts() == []
    wait = one.claim(account)
    assert isinstance(wait, float)
    assert 50 < wait <= 60
    world.do("UPDATE domiq_sync.account SET open_until = NULL, pull_budget = 0")
    assert one.accounts() == []
    assert not isinstance(one.claim(account), PullClaim)


def test_two_workers_never_claim_one_property_and_share_the_budget(world: World) -> None:
    of_one_account(world, 3)
    account = account_of(world)
    one, other = claims(world, "one"), claims(world, "other")
    first, second = one.claim(account), other.claim(account)
    assert isinstance(first, PullClaim)
    if isinstance(second, PullClaim):
        assert second.integration.property_id != first.integration.property_id
    world.do("UPDATE domiq_sync.account SET pull_budget = 0.01")
    world.do("UPDATE domiq_sync.pull_pace SET free_at = clock_timestamp()")
    assert isinstance(other.claim(account), PullClaim | float)
    for worker in (one, other):
        wait = worker.claim(account)
        assert isinstance(wait, float)
        assert wait > 50


def test_two_services_stay_within_the_budget_together(world: World) -> None:
    found = of_one_account(world, 4)
    world.do("UPDATE domiq_sync.account SET pull_budget = 4")
    began = time.monotonic()
    with running(world, PULLING), running(world, PULLING):
        until(lambda: len(asked(world)) >= 4 * len(found), 60)
        seconds, made = time.monotonic() - began, len(asked(world))
    assert made <= 4 * seconds + OFTEN.burst + 2
    by_property: dict[str, list[dict[str, Any]]] = {}
    for request in asked(world):
        by_property.setdefault(request["parameters"]["propertyId"], []).append(request)
    for requests in by_property.values():
        for before, after in itertools.pairwise(requests):
            assert after["startedAt"] >= before["finishedAt"], "one property was pulled twice at once"


def test_a_claim_whose_worker_died_runs_out_and_what_it_left_is_applied(world: World) -> None:
    world.property()
    account = account_of(world)
    dead, alive = claims(world, "dead", lease=40), claims(world, "alive")
    assert isinstance(dead.claim(account), PullClaim)
    assert not isinstance(alive.claim(account), PullClaim)
    world.do("UPDATE domiq_sync.pull_claim SET claimed_until = clock_timestamp() - interval '1 second'")
    taken = alive.claim(account)
    assert isinstance(taken, PullClaim)
    assert taken.must_apply
    released(alive, taken)
    assert world.value("SELECT worker FROM domiq_sync.pull_claim") is None


def test_what_was_brought_and_not_applied_is_applied_by_the_next_pull(world: World) -> None:
    world.property()
    account, one = account_of(world), claims(world)
    assert released(one, one.claim(account)).must_apply
    assert not released(one, one.claim(account), applied=AppliedState.AS_BEFORE).must_apply
    assert not released(one, one.claim(account), applied=AppliedState.OPEN).must_apply
    world.do("UPDATE domiq_sync.pull_pace SET free_at = '-infinity'")
    assert released(one, one.claim(account)).must_apply


def test_what_a_pull_took_more_or_less_than_expected_is_charged(world: World) -> None:
    world.property()
    account, one = account_of(world), claims(world)
    left = "SELECT extract(EPOCH FROM free_at - clock_timestamp())::float FROM domiq_sync.pull_pace"
    released(one, one.claim(account), made=20)
    assert 15 < world.value(left) <= 20
    assert world.value("SELECT requests FROM domiq_sync.pull_claim") == 20


def test_how_long_a_pull_kept_the_slot_is_known_to_the_next_worker(world: World, lead: Any) -> None:
    account, one = account_of(world), claims(world, rules=OrderRules(pause=0.0))
    released(one, one.claim(account), took=3.0)
    assert world.value("SELECT seconds FROM domiq_sync.pull_claim") == 3.0
    world.do("UPDATE domiq_sync.watermark SET last_pull_at = clock_timestamp() - interval '250 seconds'")
    other = claims(world, "other", rules=OrderRules())
    wait = other.claim(account)
    assert isinstance(wait, float)
    assert 20 < wait <= 50
    world.do("UPDATE domiq_sync.watermark SET last_pull_at = clock_timestamp() - interval '310 seconds'")
    wait = other.claim(account, quiet_for=1.0)
    assert isinstance(wait, float)
    assert wait == OrderRules().quiet - 1.0
    assert released(other, other.claim(account)).seconds == 3.0
    assert world.value("SELECT seconds FROM domiq_sync.pull_claim") == 3.0, "a pull that says nothing"


def test_a_worker_measures_for_how_long_its_pulls_keep_the_slot(world: World, lead: Any) -> None:
    world.standin.faults({"kind": "latency", "seconds": 0.6, "endpoint": "Prospects"})
    with running(world, PULLING):
        until(lambda: world.rows("SELECT FROM domiq_sync.pull_claim WHERE seconds >= 0.6"))


def test_the_first_pull_of_a_property_is_no_measure_of_the_next(world: World) -> None:
    world.property()
    with running(world, replace(PULLING, order=OrderRules())):
        until(lambda: world.rows("SELECT FROM domiq_sync.pull_claim WHERE applied_at IS NOT NULL"))
    assert world.value("SELECT seconds FROM domiq_sync.pull_claim") is None


def test_a_property_that_cannot_be_pulled_is_left_alone_longer_each_time(world: World, lead: Any) -> None:
    world.standin.faults({"kind": "status", "status": 500, "endpoint": "Prospects"})
    with running(world, PULLING):
        until(lambda: world.rows("SELECT FROM domiq_sync.pull_claim WHERE failures = 1"))
    (row,) = world.rows("SELECT * FROM domiq_sync.watermark")
    assert row.last_error
    assert world.value("SELECT rests_until > clock_timestamp() + interval '10 s' FROM domiq_sync.pull_claim")


def test_a_change_that_was_found_makes_the_next_one_likelier(world: World, lead: Any) -> None:
    prospect = world.lead_of(lead)["prospectId"]
    with running(world, PULLING):
        world.standin.edit(prospect, status="Lost")
        until(lambda: world.status(lead) == "lost")
        until(lambda: world.rows("SELECT FROM domiq_sync.pull_claim WHERE news > 0"))


def test_its_pulls_are_in_the_metrics(world: World, lead: Any) -> None:
    with running(world, PULLING) as service:
        until(lambda: b'domiq_sync_pulls_total{result="nothing new"}' in service.metrics.text())
        until(lambda: b"domiq_sync_pull_seconds_count" in service.metrics.text())
    assert b"domiq_sync_oldest_pull_seconds" in service.metrics.text()


def test_pulls_that_bring_nothing_go_on_record_now_and_then(world: World, lead: Any) -> None:
    before = world.value("SELECT count(*) FROM domiq_sync.pull")
    (integration,) = world.integrations()
    options = pulls.PullOptions(seldom_on_record=True)
    for _ in range(3):
        pulls.pull_property(world.engine, world.client, integration, options)
    assert world.value("SELECT count(*) FROM domiq_sync.pull") == before
    world.do("UPDATE domiq_sync.pull SET started_at = started_at - interval '11 minutes'")
    pulls.pull_property(world.engine, world.client, integration, options)
    assert world.value("SELECT count(*) FROM domiq_sync.pull") == before + 1
