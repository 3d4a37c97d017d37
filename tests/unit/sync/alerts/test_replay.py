"""Replaying a threshold gives what observing at every step would have given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domiq_dagster.sync.alerts.incidents import AlertRules, Incident, Observation, Transition, advance
from domiq_dagster.sync.alerts.replay import Grid, age_points, between, failed_sync_points, replay
from domiq_dagster.sync.alerts.thresholds import Threshold
from tests.depth import examples

STEP = 300
GRID = Grid(STEP, last=150)
RULES = AlertRules()


def stepwise(readings: dict[int, bool], rules: AlertRules) -> list[tuple[datetime, Transition]]:
    """Every observation made."""
    incident: Incident | None = None
    found = []
    for n in range(GRID.last + 1):
        incident, transition = advance(incident, Observation(GRID.time_of(n), readings.get(n, False)), rules)
        if transition in (Transition.OPENED, Transition.REOPENED, Transition.RECOVERED):
            found.append((GRID.time_of(n), transition))
    return found


def as_transitions(points: list[tuple[int, bool]], rules: AlertRules) -> list[tuple[datetime, Transition]]:
    found = []
    for firing in replay(points, rules, GRID):
        found.append((firing.at, Transition.REOPENED if firing.again else Transition.OPENED))
        found += [(firing.until, Transition.RECOVERED)] if firing.until else []
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
    threshold = Threshold(lowest_success_rate=80.0, most_failures=4, least_volume=volume, window_hours=hours)
    window = max(1, round(hours * 3600 / STEP))

    def bad(n: int) -> bool:
        inside = [settled[k] for k in range(max(0, n - window + 1), n + 1) if k in settled]
        return threshold.is_past(sum(s for s, _ in inside), sum(f for _, f in inside))

    counts = [(n, *settled[n]) for n in sorted(settled)]
    points = list(failed_sync_points(counts, threshold, GRID))
    assert as_transitions(points, rules) == stepwise({n: bad(n) for n in range(GRID.last + 1)}, rules)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 20_000)), max_size=8),
    st.integers(60, 7200),
    some_rules,
)
def test_an_age_fires_as_if_it_had_been_read_at_every_step(
    given_stretches: list[tuple[int, int]], limit: int, rules: AlertRules
) -> None:

    def moment(seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC)

    stretches = sorted((moment(b), moment(b + length)) for b, length in given_stretches)

    def bad(n: int) -> bool:
        at = GRID.time_of(n)
        return any(at > b + timedelta(seconds=limit) and at <= e for b, e in stretches)

    points = list(age_points(stretches, limit, GRID))
    assert as_transitions(points, rules) == stepwise({n: bad(n) for n in range(GRID.last + 1)}, rules)


def test_an_incident_that_goes_on_at_the_end_has_no_end() -> None:
    (firing,) = replay([(10, True)], RULES, Grid(STEP, last=20))
    assert (firing.at, firing.until) == (GRID.time_of(10), None)
    assert firing.seconds(GRID.time_of(20)) == 10 * STEP


def test_between_counts_what_lies_after_one_moment_and_not_after_another() -> None:
    moments = [GRID.time_of(n) for n in (1, 2, 2, 3)]
    assert between(moments, GRID.time_of(1), GRID.time_of(2)) == 2
