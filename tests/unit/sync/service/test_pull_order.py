"""Which property is pulled next: nobody waits past the floor, nobody starves, the budget holds, and likelier
news is there sooner. Time here is a number."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.sync.service.pull_claims import local_hour, rest_after
from domiq_dagster.sync.service.pull_order import (
    OrderRules,
    PropertyFacts,
    Weights,
    choose,
    expected_seconds,
    free_after,
    weight,
)

RULES = OrderRules()


def facts(number: int, since: float | None = None, **more: object) -> PropertyFacts:
    return PropertyFacts(UUID(int=number), since, **{"local_hour": 3, **more})  # type: ignore[arg-type]


@dataclass
class Account:
    """An account as the rules see it; each pull takes the seconds that its property has.

    Attributes:
        quiet_for: for how long no change has gone out there, at every moment.
    """

    properties: list[PropertyFacts]
    budget: float
    rules: OrderRules = RULES
    quiet_for: float = math.inf
    now: float = 0.0
    free_at: float = -math.inf
    pulled: dict[UUID, list[float]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[float, int]] = field(default_factory=list)

    def run(self, seconds: float) -> Account:
        until = self.now + seconds
        while self.now < until:
            known = [self._as_known(p) for p in self.properties]
            free_in = self.free_at - self.now
            choice = choose(
                known, budget=self.budget, free_in=free_in, rules=self.rules, quiet_for=self.quiet_for
            )
            if choice.chosen is None:
                assert choice.wait > 0
                self.now = max(self.now + choice.wait, math.nextafter(self.now, math.inf))
                continue
            one = choice.chosen
            self.free_at = self.now + free_after(free_in, self.budget, one.requests, self.rules)
            self.pulled[one.property_id].append(self.now)
            self.requests.append((self.now, one.requests))
            self.now += one.seconds
        return self

    def _as_known(self, p: PropertyFacts) -> PropertyFacts:
        at = self.pulled.get(p.property_id)
        since = p.since_pull if not at else self.now - at[-1]
        if not at and since is not None:
            since += self.now
        return replace(p, since_pull=since)

    def longest_wait(self) -> float:
        """Between two pulls of one property, the end counted in."""
        found = 0.0
        for p in self.properties:
            at = [*self.pulled[p.property_id], self.now]
            found = max([found, *(later - before for before, later in itertools.pairwise(at))])
        return found


properties = st.builds(
    facts,
    st.just(0),
    st.none() | st.floats(0, 500),
    open_deliveries=st.integers(0, 5),
    edits=st.floats(0, 50),
    local_hour=st.none() | st.integers(0, 23),
    requests=st.integers(1, 3),
    seconds=st.just(0.0) | st.floats(0, 20),
)
bustle = st.sampled_from([0.0, RULES.quiet / 2, math.inf])
accounts = st.lists(properties, min_size=1, max_size=12).map(
    lambda found: [replace(p, property_id=UUID(int=n)) for n, p in enumerate(found)]
)


def turns(found: list[PropertyFacts], budget: float) -> list[float]:
    """How long each pull keeps the others waiting."""
    return [max(p.requests / budget, p.seconds) for p in found]


@given(accounts, st.floats(0.2, 5), bustle)
def test_no_property_waits_past_the_floor_where_the_budget_allows_that(
    found: list[PropertyFacts], budget: float, quiet_for: float
) -> None:
    taken = turns(found, budget)
    rules = replace(RULES, floor=sum(taken) + 2 * max(taken) + 1)
    rules = replace(rules, pause=min(30.0, sum(taken) / 4), busy_pause=min(30.0, sum(taken) / 4))
    found = [replace(p, since_pull=None) for p in found]
    account = Account(found, budget, rules, quiet_for).run(4 * rules.floor)
    assert account.longest_wait() <= rules.floor + 1e-6


@given(accounts, st.floats(0.05, 5), bustle)
def test_nobody_starves_where_the_budget_is_too_small_for_the_floor(
    found: list[PropertyFacts], budget: float, quiet_for: float
) -> None:
    whole = sum(turns(found, budget))
    rules = replace(RULES, floor=whole / 3, pause=0.0, busy_pause=0.0)
    account = Account(found, budget, rules, quiet_for).run(6 * whole)
    assert set(account.pulled) == {p.property_id for p in found}
    assert account.longest_wait() <= 2 * whole + 1e-6


@given(accounts, st.floats(0.05, 5))
def test_the_budget_is_never_exceeded_beyond_a_burst(found: list[PropertyFacts], budget: float) -> None:
    made = Account(found, budget).run(300).requests
    most = max((n for _, n in made), default=0)
    for first in range(len(made)):
        within = 0
        for at, requests in made[first : first + 50]:
            within += requests
            allowed = budget * (at - made[first][0]) + RULES.burst + most - 1
            assert within <= allowed + 1e-6


def test_with_fifty_properties_and_one_request_a_second_each_is_pulled_in_under_a_minute() -> None:
    found = [facts(n, None, local_hour=12 if n % 2 else 3) for n in range(50)]
    account = Account(found, 1.0).run(1500)
    waits = sorted(
        later - before for at in account.pulled.values() for before, later in itertools.pairwise(at)
    )
    assert waits[int(0.95 * len(waits))] <= 64
    assert sum(w * w / 2 for w in waits) / sum(waits) < 30, "a moment at random waits for half of that"


def test_a_slow_property_takes_its_share_of_the_time_and_no_more_and_its_neighbours_go_on() -> None:
    slow, quick = facts(1, None, seconds=3.0), facts(2, None, seconds=0.1)
    account = Account([slow, quick], 1.0).run(3600)
    assert len(account.pulled[slow.property_id]) * slow.seconds <= RULES.share * 3600
    assert len(account.pulled[slow.property_id]) >= 11
    waits = [b - a for a, b in itertools.pairwise(account.pulled[quick.property_id])]
    assert max(waits) <= RULES.pause + slow.seconds


def test_a_slow_pull_waits_for_a_quiet_moment_but_not_for_ever() -> None:
    slow = [facts(1, 310.0, seconds=3.0)]
    ask = {"budget": 1.0, "free_in": 0.0, "rules": RULES}
    assert choose(slow, quiet_for=RULES.quiet, **ask).chosen is slow[0]
    assert choose(slow, quiet_for=0.0, **ask).wait == RULES.quiet
    assert choose(slow, quiet_for=4.0, **ask).wait == RULES.quiet - 4.0
    assert choose([facts(1, 290.0, seconds=3.0)], quiet_for=0.0, **ask).wait == 10.0
    longest = 0.8 * RULES.floor
    assert choose([facts(1, longest, seconds=3.0)], quiet_for=0.0, **ask).chosen is not None
    assert choose([facts(1, 200.0, seconds=1.0)], quiet_for=0.0, **ask).chosen is not None


def test_a_pull_as_quick_as_most_waits_for_no_quiet_moment() -> None:
    quick = [facts(1, RULES.busy_pause, seconds=RULES.share * RULES.pause)]
    assert choose(quick, budget=1, free_in=0, rules=RULES, quiet_for=0.0).chosen is quick[0]


def test_what_is_slow_for_once_is_hardly_believed_and_what_is_quick_again_at_once() -> None:
    assert expected_seconds(None, 4.0) == 4.0
    assert expected_seconds(0.1, 9.0) == 0.5
    seen = [0.1]
    for _ in range(5):
        seen.append(expected_seconds(seen[-1], 4.0))
    assert seen == [0.1, 0.5, 1.0, 2.0, 4.0, 4.0]
    assert expected_seconds(4.0, 0.2) == 0.2


@pytest.mark.parametrize(
    "likelier",
    [{"open_deliveries": 3}, {"edits": 4.0}, {"local_hour": 10}],
    ids=["deliveries", "edits", "hours"],
)
def test_where_news_is_likelier_it_is_looked_for_more_often(likelier: dict[str, object]) -> None:
    found = [facts(n) for n in range(59)] + [facts(99, None, **likelier)]
    account = Account(found, 1.0).run(1500)
    often = len(account.pulled[UUID(int=99)])
    others = [len(account.pulled[UUID(int=n)]) for n in range(59)]
    assert often > max(others)
    assert often < 3 * min(others)


def test_each_weight_is_from_one_to_three() -> None:
    weights = Weights()
    assert weight(facts(1), weights) == 1.0
    assert weight(facts(1, edits=1e9, open_deliveries=99, local_hour=12), weights) == 3.0
    assert weight(facts(1, local_hour=None), weights) == weight(facts(1, local_hour=9), weights)
    assert weight(facts(1, local_hour=19), weights) == 1.0


def test_a_property_that_was_never_pulled_comes_first() -> None:
    found = [facts(1, 599.0, open_deliveries=9), facts(2, None), facts(3, 500.0)]
    chosen = choose(found, budget=1.0, free_in=0.0, rules=RULES).chosen
    assert chosen is not None
    assert chosen.property_id == UUID(int=2)


def test_what_rests_is_left_alone_and_what_was_just_pulled_waits() -> None:
    resting, fresh = facts(1, None, rests_for=7.0), facts(2, 10.0)
    assert choose([resting, fresh], budget=1, free_in=0, rules=RULES).wait == 7.0
    assert choose([fresh], budget=1, free_in=0, rules=RULES).wait == RULES.pause - 10.0
    assert choose([fresh], budget=1, free_in=0, rules=RULES, quiet_for=0.0).wait == 50.0


def test_without_a_budget_nothing_is_pulled_and_a_used_up_one_is_waited_for() -> None:
    assert choose([facts(1)], budget=0, free_in=0, rules=RULES).wait == math.inf
    assert choose([facts(1)], budget=1, free_in=4.5, rules=RULES).wait == 4.5


def test_what_was_not_used_for_a_while_is_good_for_a_burst_and_no_more() -> None:
    free_in, at_once = -1e9, 0
    while free_in <= 0:
        free_in = free_after(free_in, 2.0, 1, RULES)
        at_once += 1
    assert (at_once, free_in) == (RULES.burst, 0.5)


def test_a_property_that_fails_again_and_again_is_left_alone_longer() -> None:
    rests = [rest_after(failures, 600.0) for failures in range(9)]
    assert rests == sorted(rests)
    assert (rests[0], rests[1], rests[2], rests[-1]) == (0.0, 30.0, 60.0, 600.0)


def test_the_hour_at_a_property_is_that_of_its_zone() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert local_hour("America/Chicago", noon) == 7
    assert local_hour("No/Where", noon) is None
    assert local_hour(None, noon) is None
