"""Replaying a threshold gives what looking at every step would have given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domiq_dagster.sync.alerts.incidents import AlertRules, Look, Spell, Turn, step
from domiq_dagster.sync.alerts.replay import age_points, between, failed_sync_points, look_time, replay
from domiq_dagster.sync.alerts.thresholds import Threshold
from tests.depth import examples

STEP = 300
RULES = AlertRules()


def stepwise(readings: dict[int, bool], last: int, rules: AlertRules) -> list[tuple[datetime, Turn]]:
    """Every look taken."""
    spell: Spell | None = None
    found = []
    for n in range(last + 1):
        spell, turn = step(spell, Look(look_time(n, STEP), readings.get(n, False)), rules)
        if turn in (Turn.OPENED, Turn.REOPENED, Turn.RECOVERED):
            found.append((look_time(n, STEP), turn))
    return found


def as_turns(points: list[tuple[int, bool]], last: int, rules: AlertRules) -> list[tuple[datetime, Turn]]:
    found = []
    for firing in replay(points, rules, STEP, last):
        found.append((firing.at, Turn.REOPENED if firing.again else Turn.OPENED))
        found += [(firing.until, Turn.RECOVERED)] if firing.until else []
    return found


some_rules = st.builds(
    AlertRules,
    recover_after=st.integers(0, 60).map(lambda m: timedelta(minutes=m)),
    reopen_within=st.integers(0, 120).map(lambda m: timedelta(minutes=m)),
)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.dictionaries(st.integers(0, 120), st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=25),
    st.integers(1, 5),
    st.integers(5, 120).map(lambda minutes: minutes / 60),
    some_rules,
)
def test_failures_fire_as_if_the_window_had_been_counted_at_every_step(
    settled: dict[int, tuple[int, int]], volume: int, hours: float, rules: AlertRules
) -> None:
    last = 150
    threshold = Threshold(lowest_success_rate=80.0, most_failures=4, least_volume=volume, window_hours=hours)
    window = max(1, round(hours * 3600 / STEP))

    def bad(n: int) -> bool:
        inside = [settled[k] for k in range(max(0, n - window + 1), n + 1) if k in settled]
        return threshold.is_past(sum(s for s, _ in inside), sum(f for _, f in inside))

    counts = [(n, *settled[n]) for n in sorted(settled)]
    points = list(failed_sync_points(counts, threshold, STEP, last))
    assert as_turns(points, last, rules) == stepwise({n: bad(n) for n in range(last + 1)}, last, rules)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 20_000)), max_size=8),
    st.integers(60, 7200),
    some_rules,
)
def test_an_age_fires_as_if_it_had_been_read_at_every_step(
    given_stretches: list[tuple[int, int]], limit: int, rules: AlertRules
) -> None:
    last = 150

    def moment(seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC)

    stretches = sorted((moment(b), moment(b + length)) for b, length in given_stretches)

    def bad(n: int) -> bool:
        at = look_time(n, STEP)
        return any(at > b + timedelta(seconds=limit) and at <= e for b, e in stretches)

    points = list(age_points(stretches, limit, STEP, last))
    assert as_turns(points, last, rules) == stepwise({n: bad(n) for n in range(last + 1)}, last, rules)


def test_a_spell_that_goes_on_at_the_end_has_no_end() -> None:
    (firing,) = replay([(10, True)], RULES, STEP, 20)
    assert (firing.at, firing.until) == (look_time(10, STEP), None)
    assert firing.seconds(look_time(20, STEP)) == 10 * STEP


def test_between_counts_what_lies_after_one_moment_and_not_after_another() -> None:
    moments = [look_time(n, STEP) for n in (1, 2, 2, 3)]
    assert between(moments, look_time(1, STEP), look_time(2, STEP)) == 2
