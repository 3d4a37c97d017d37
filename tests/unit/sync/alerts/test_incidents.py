"""One incident, observation by observation; and what must hold for any sequence of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domiq_dagster.sync.alerts.incidents import (
    AlertRules,
    Incident,
    Observation,
    Phase,
    Transition,
    advance,
    next_change_at,
)
from tests.depth import examples

START = datetime(2026, 3, 1, tzinfo=UTC)
RULES = AlertRules(widen_after=timedelta(minutes=15))
PATIENT = AlertRules(open_after=timedelta(minutes=5))
OPENED, REOPENED, WIDENED = Transition.OPENED, Transition.REOPENED, Transition.WIDENED
REMINDER, RECOVERED = Transition.REMINDER, Transition.RECOVERED


def notified(marks: str, rules: AlertRules = RULES, every: float = 1.0) -> list[tuple[int, Transition]]:
    """What people are told, by the number of the observation: `x` is bad, `.` good, `?` cannot tell."""
    incident: Incident | None = None
    found = []
    for n, mark in enumerate(marks):
        at = START + timedelta(minutes=n * every)
        incident, transition = advance(
            incident, Observation(at, {"x": True, ".": False, "?": None}[mark]), rules
        )
        if transition:
            found.append((n, transition))
    return found


def test_an_incident_is_told_when_it_begins_and_when_it_has_been_over_for_a_while() -> None:
    assert notified("..xxxx" + 20 * ".") == [(2, OPENED), (16, RECOVERED)]


def test_what_looks_good_and_bad_in_turn_is_one_incident() -> None:
    assert notified("x" + 40 * ".x" + 11 * ".") == [(0, OPENED), (91, RECOVERED)]


def test_people_are_reminded_after_a_time_and_again() -> None:
    assert notified(80 * "x", every=20) == [(0, OPENED), (36, REMINDER), (72, REMINDER)]


def test_an_incident_that_is_back_soon_goes_on_and_must_then_stay_good_for_twice_as_long() -> None:
    marks = "x" + 11 * "." + 5 * "." + "x" + 30 * "."
    assert notified(marks) == [(0, OPENED), (11, RECOVERED), (17, REOPENED), (38, RECOVERED)]


def test_one_that_is_back_much_later_is_another_incident() -> None:
    assert notified("x" + 11 * "." + 60 * "." + "x") == [(0, OPENED), (11, RECOVERED), (72, OPENED)]


def test_a_short_incident_of_what_is_to_last_first_is_told_to_nobody() -> None:
    assert notified("xxxxx......", PATIENT) == []
    assert notified("xxxxxx", PATIENT) == [(5, OPENED)]
    assert notified("xxxxx.xxxxx.", PATIENT) == []


def test_where_nobody_can_tell_an_incident_neither_begins_nor_ends_nor_is_told_again() -> None:
    assert notified(20 * "?") == []
    assert notified("x" + 200 * "?", every=20) == [(0, OPENED)]
    assert notified("x.........?.") == [(0, OPENED), (11, RECOVERED)]


def test_a_cause_that_spreads_is_told_again_but_not_at_once() -> None:
    incident, transition = advance(None, Observation(START, True, frozenset("a")), RULES)
    assert transition is OPENED
    incident, transition = advance(
        incident, Observation(START + timedelta(minutes=1), True, frozenset("ab")), RULES
    )
    assert transition is None
    incident, transition = advance(
        incident, Observation(START + timedelta(minutes=15), True, frozenset("ab")), RULES
    )
    assert transition is WIDENED
    incident, transition = advance(
        incident, Observation(START + timedelta(minutes=40), True, frozenset("b")), RULES
    )
    assert transition is None
    assert incident is not None
    assert incident.scope == frozenset("ab")


minutes = st.integers(0, 90).map(lambda m: timedelta(minutes=m))
some_rules = st.builds(
    AlertRules,
    open_after=minutes,
    recover_after=minutes,
    reopen_within=minutes,
    remind_after=st.integers(1, 600).map(lambda m: timedelta(minutes=m)),
    widen_after=minutes,
)
scopes = st.frozensets(st.sampled_from("abc"))
some_observations = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([True, True, False, False, None]), scopes), max_size=80
)


@settings(max_examples=examples(200), deadline=None)
@given(some_observations, some_rules)
def test_whatever_is_seen_bad_and_recovered_alternate_and_the_rest_is_told_in_between(
    seen: list[tuple[int, bool | None, frozenset[str]]], rules: AlertRules
) -> None:
    incident: Incident | None = None
    at, open_, last, bad_since = START, False, None, None
    for pause, bad, scope in seen:
        at += timedelta(minutes=pause)
        before, had_recovered = incident, incident.closed_at if incident else None
        incident, transition = advance(incident, Observation(at, bad, scope), rules)
        assert bad is not None or (incident, transition) == (before, None)
        bad_since = (bad_since or at) if bad else (None if bad is False else bad_since)
        if transition in (OPENED, REOPENED):
            assert not open_
            assert bad_since is not None
            assert at - bad_since >= rules.open_after
            assert (transition is REOPENED) == (before is not None and had_recovered is not None and
                                          incident is not None and before.opened_at == incident.opened_at
                                          and incident.reopened == before.reopened + 1)  # fmt: skip
        elif transition is not None:
            assert open_
            assert before is not None
            assert last is not None
        if transition is REMINDER:
            assert bad
            assert at - last >= rules.remind_after
        if transition is WIDENED:
            assert scope - before.scope
            assert at - last >= rules.widen_after
        if transition is RECOVERED:
            assert bad is False
            assert incident is not None
            assert incident.closed_at == at
        if transition is not None:
            open_, last = transition is not RECOVERED, at
            assert incident is not None
            assert incident.notified_at == at
        assert open_ == (incident is not None and incident.is_open)
        assert incident is None or (incident.closed_at is None or not incident.is_open)
        # The same observation again tells nothing: a tick that is repeated after a crash repeats no word.
        if incident is not None and min(
            rules.recover_after, rules.remind_after, rules.widen_after
        ) > timedelta(0):
            assert advance(incident, Observation(at, bad, scope), rules)[1] is None


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.sampled_from([True, False, None])), max_size=12),
    some_rules,
)
def test_looking_only_when_something_can_turn_tells_the_same_as_looking_all_the_time(
    stretches: list[tuple[int, bool | None]], rules: AlertRules
) -> None:
    grid = timedelta(minutes=5)

    def all_the_time() -> list[tuple[datetime, Transition]]:
        incident, at, found = None, START, []
        for count, bad in stretches:
            for _ in range(count):
                incident, transition = advance(incident, Observation(at, bad), rules)
                found += [(at, transition)] if transition else []
                at += grid
        return found

    def when_needed() -> list[tuple[datetime, Transition]]:
        incident, at, found = None, START, []
        for count, bad in stretches:
            end = at + count * grid
            while at < end:
                incident, transition = advance(incident, Observation(at, bad), rules)
                found += [(at, transition)] if transition else []
                then = next_change_at(incident, Observation(at, bad), rules)
                if then is None:
                    break
                at += max(1, -((at - then) // grid)) * grid
            at = end
        return found

    assert when_needed() == all_the_time()


def test_a_suspect_incident_keeps_the_end_of_the_one_before() -> None:
    closed = Incident(Phase.CLOSED, START, START, closed_at=START + timedelta(minutes=20))
    at = START + timedelta(minutes=30)
    suspect, transition = advance(closed, Observation(at, True), PATIENT)
    assert transition is None
    assert suspect is not None
    assert (suspect.phase, suspect.suspected_at) == (Phase.SUSPECT, at)
    back, transition = advance(suspect, Observation(at + timedelta(minutes=1), False), PATIENT)
    assert transition is None
    assert back is not None
    assert (back.phase, back.closed_at) == (Phase.CLOSED, closed.closed_at)
