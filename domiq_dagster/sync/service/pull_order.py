"""Which property of an account is pulled next, and when. Pure: times are seconds from now.

An account's budget is shared by how likely news is. Each property has a weight; the next one is that whose
weight times the seconds since its last pull is the largest, so that each has its turn in the end, and twice
the weight is pulled twice as often. The weights differ by little on purpose: where news comes n times as
often somewhere, the mean wait of all news is least if it is looked for there the root of n times as often.

Over that stands a floor: no property waits longer than it for its next pull, where the budget allows that at
all. The likeliest property is pulled only if all others could be pulled in time after it, one by one; else
the one that has waited for longest is. Where the budget is too small for the floor they are all pulled in
turn.

A pull that takes long keeps the account's slot for as long, and a change that is made meanwhile waits for it.
So a property whose pulls do is pulled more seldom, so that they meet few of the changes, and at a moment at
which none goes out, which it waits for as long again at most. Neither goes past the floor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domiq_dagster.sync import patience

_SELDOM = 0.8
"""A property whose pulls take long is left alone for so much of the floor at most: it is pulled by a worker
in time, and not by Dagster as one that was forgotten."""
_ONCE_SLOW = 0.5
"""So many seconds at most are expected after a pull that was slow for once."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What makes news likely at a property. 1 is what each has, and the rest is added to it.

    Attributes:
        open_hours: by the property's clock, staff are at work from `opens` until `closes` (hours), on any
            day: leasing offices are open on weekends. They make nearly all news. Where the zone is not known
            they may be.
        open_deliveries: changes on their way there, or waiting for ResMan's staff: what arrives is looked at,
            and moved on. So much from `many_deliveries` on, and less for fewer.
        edits: leads were found changed lately: whoever works on leads goes on doing so. It grows towards so
            much, and has two thirds of it at `many_edits`.
        memory: in how many seconds an edit that was found counts for a third of what it did.
    """

    open_hours: float = 0.5
    opens: int = 9
    closes: int = 19
    open_deliveries: float = 0.5
    many_deliveries: int = 3
    edits: float = 1.0
    many_edits: float = 3.0
    memory: float = 3600.0


@dataclass(frozen=True, slots=True)
class OrderRules:
    """How the pulls of an account follow each other. Times in seconds.

    Attributes:
        pause: a property is not pulled again sooner, though the budget has room: nobody notices the
            difference, and an empty pull costs both sides something.
        busy_pause: the same while changes go out at the account: they have precedence.
        floor: how long a property may wait for its next pull.
        share: of the time, how much the pulls of one property may keep its account's slot: a change that is
            made at any moment waits for one of them no more often than that.
        quiet: for how long no change has gone out at an account where it is a quiet moment.
        burst: so many requests may follow each other at once, after a time in which fewer were made.
    """

    pause: float = 45.0
    busy_pause: float = 60.0
    floor: float = patience.PULL_FLOOR
    share: float = 0.01
    quiet: float = 5.0
    burst: int = 3
    weights: Weights = field(default_factory=Weights)


@dataclass(frozen=True, slots=True)
class PropertyFacts:
    """What is known of a property that may be pulled.

    Attributes:
        since_pull: how long ago its last pull began; None: it was never pulled since it was switched on.
        rests_for: for how long it is left alone, since a pull of it failed or is under way.
        open_deliveries: its changes that are not settled.
        edits: leads found changed lately, each counting less the longer ago.
        local_hour: by its own clock; None: its zone is not known.
        requests: what its last pull took.
        seconds: for how long its pulls keep the account's slot.
    """

    property_id: UUID
    since_pull: float | None
    rests_for: float = 0.0
    open_deliveries: int = 0
    edits: float = 0.0
    local_hour: int | None = None
    requests: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The property to pull now, or None and for how long there will be none."""

    chosen: PropertyFacts | None
    wait: float = 0.0


def weight(facts: PropertyFacts, weights: Weights) -> float:
    """How likely news is at a property, in parts of what it is at one of which nothing is known: from 1 to
    3."""
    hour = facts.local_hour
    found = 1.0
    if hour is None or weights.opens <= hour < weights.closes:
        found += weights.open_hours
    found += weights.open_deliveries * min(1.0, facts.open_deliveries / weights.many_deliveries)
    found += weights.edits * (1.0 - math.exp(-facts.edits / weights.many_edits))
    return found


def choose(
    properties: Iterable[PropertyFacts],
    *,
    budget: float,
    free_in: float,
    rules: OrderRules,
    quiet_for: float = math.inf,
) -> Choice:
    """The next of an account's properties.

    Args:
        budget: requests a second; 0: none may be pulled.
        free_in: for how long the budget is used up; not positive: it is not.
        quiet_for: for how long no change has gone out at the account; 0: one does now.
    """
    known = list(properties)
    if budget <= 0 or not known:
        return Choice(None, math.inf)
    if free_in > 0:
        return Choice(None, free_in)
    awake = [p for p in known if p.rests_for <= 0]
    # So soon that each begins before the floor though all others are pulled before it.
    seldom_at_most = min(_SELDOM * rules.floor, rules.floor - sum(_pull_takes(p, budget) for p in known))
    waits = {p.property_id: _ready_in(p, rules, quiet_for, seldom_at_most) for p in awake}
    ready = [p for p in awake if waits[p.property_id] <= 0]
    if not ready:
        return Choice(None, min([*waits.values(), *(p.rests_for for p in known if p.rests_for > 0)]))
    likeliest = max(ready, key=lambda p: (_score(p, rules.weights), p.property_id.int))
    longest = max(ready, key=lambda p: (_waited(p), p.property_id.int))
    return Choice(likeliest if _leaves_time(likeliest, awake, budget, rules) else longest)


def free_after(free_in: float, budget: float, requests: int, rules: OrderRules) -> float:
    """For how long the budget is used up once so many more requests are made. What was not used for a while
    is good for a burst, and no more."""
    return max(free_in, -(rules.burst - 1) / budget) + requests / budget


def expected_seconds(before: float | None, took: float) -> float:
    """For how long a property's next pull will keep the slot, after one that took so long. That a single one
    was slow says little: what is expected grows to twice as much at most, and falls at once.

    Args:
        before: what was expected of this one; None: nothing was known.
    """
    return took if before is None else min(took, max(2.0 * before, _ONCE_SLOW))


def _ready_in(facts: PropertyFacts, rules: OrderRules, quiet_for: float, seldom_at_most: float) -> float:
    """In how many seconds a property may be pulled, as it looks now; not positive: it may."""
    since = _waited(facts)
    usual = rules.busy_pause if quiet_for <= 0 else rules.pause
    seldom = min(facts.seconds / rules.share, seldom_at_most)
    if seldom <= usual:
        return usual - since
    if quiet_for >= rules.quiet:
        return seldom - since
    return min(
        min(2.0 * seldom, seldom_at_most) - since,
        max(seldom - since, rules.quiet - quiet_for),
    )


def _leaves_time(
    first: PropertyFacts, others: Sequence[PropertyFacts], budget: float, rules: OrderRules
) -> bool:
    """Whether all others can begin before their floor if this one is first, and they follow one by one, the
    one that has waited for longest before the others."""
    begins = _pull_takes(first, budget)
    for one in sorted(others, key=_waited, reverse=True):
        if one is first:
            continue
        if begins > rules.floor - _waited(one):
            return False
        begins += _pull_takes(one, budget)
    return True


def _pull_takes(facts: PropertyFacts, budget: float) -> float:
    """How long after a property's pull has begun another one's can."""
    return max(facts.requests / budget, facts.seconds)


def _waited(facts: PropertyFacts) -> float:
    return math.inf if facts.since_pull is None else facts.since_pull


def _score(facts: PropertyFacts, weights: Weights) -> float:
    return weight(facts, weights) * _waited(facts)
