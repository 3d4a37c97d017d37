"""One spell of trouble, look by look; and what must hold for any sequence of looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domiq_dagster.sync.alerts.incidents import AlertRules, Look, Phase, Spell, Turn, next_turn, step
from tests.depth import examples

START = datetime(2026, 3, 1, tzinfo=UTC)
RULES = AlertRules(widen_after=timedelta(minutes=15))
PATIENT = AlertRules(open_after=timedelta(minutes=5))
OPENED, REOPENED, WIDENED = Turn.OPENED, Turn.REOPENED, Turn.WIDENED
REMINDER, RECOVERED = Turn.REMINDER, Turn.RECOVERED


def told(looks: str, rules: AlertRules = RULES, every: float = 1.0) -> list[tuple[int, Turn]]:
    """What people are told, by the number of the look: `x` is bad, `.` good, `?` cannot tell."""
    spell: Spell | None = None
    found = []
    for n, mark in enumerate(looks):
        at = START + timedelta(minutes=n * every)
        spell, turn = step(spell, Look(at, {"x": True, ".": False, "?": None}[mark]), rules)
        if turn:
            found.append((n, turn))
    return found


def test_a_spell_is_told_when_it_begins_and_when_it_has_been_over_for_a_while() -> None:
    assert told("..xxxx" + 20 * ".") == [(2, OPENED), (16, RECOVERED)]


def test_what_looks_good_and_bad_in_turn_is_one_spell() -> None:
    assert told("x" + 40 * ".x" + 11 * ".") == [(0, OPENED), (91, RECOVERED)]


def test_people_are_reminded_after_a_time_and_again() -> None:
    assert told(80 * "x", every=20) == [(0, OPENED), (36, REMINDER), (72, REMINDER)]


def test_a_spell_that_is_back_soon_goes_on_and_must_then_stay_good_for_twice_as_long() -> None:
    looks = "x" + 11 * "." + 5 * "." + "x" + 30 * "."
    assert told(looks) == [(0, OPENED), (11, RECOVERED), (17, REOPENED), (38, RECOVERED)]


def test_one_that_is_back_much_later_is_another_spell() -> None:
    assert told("x" + 11 * "." + 60 * "." + "x") == [(0, OPENED), (11, RECOVERED), (72, OPENED)]


def test_a_short_spell_of_what_is_to_last_first_is_told_to_nobody() -> None:
    assert told("xxxxx......", PATIENT) == []
    assert told("xxxxxx", PATIENT) == [(5, OPENED)]
    assert told("xxxxx.xxxxx.", PATIENT) == []


def test_where_nobody_can_tell_a_spell_neither_begins_nor_ends_nor_is_told_again() -> None:
    assert told(20 * "?") == []
    assert told("x" + 200 * "?", every=20) == [(0, OPENED)]
    assert told("x.........?.") == [(0, OPENED), (11, RECOVERED)]


def test_a_cause_that_spreads_is_told_again_but_not_at_once() -> None:
    spell, turn = step(None, Look(START, True, frozenset("a")), RULES)
    assert turn is OPENED
    spell, turn = step(spell, Look(START + timedelta(minutes=1), True, frozenset("ab")), RULES)
    assert turn is None
    spell, turn = step(spell, Look(START + timedelta(minutes=15), True, frozenset("ab")), RULES)
    assert turn is WIDENED
    spell, turn = step(spell, Look(START + timedelta(minutes=40), True, frozenset("b")), RULES)
    assert turn is None
    assert spell is not None
    assert spell.scope == frozenset("ab")


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
some_looks = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([True, True, False, False, None]), scopes), max_size=80
)


@settings(max_examples=examples(200), deadline=None)
@given(some_looks, some_rules)
def test_whatever_is_seen_bad_and_recovered_alternate_and_the_rest_is_told_in_between(
    seen: list[tuple[int, bool | None, frozenset[str]]], rules: AlertRules
) -> None:
    spell: Spell | None = None
    at, open_, last, bad_since = START, False, None, None
    for pause, bad, scope in seen:
        at += timedelta(minutes=pause)
        before, had_recovered = spell, spell.closed_at if spell else None
        spell, turn = step(spell, Look(at, bad, scope), rules)
        assert bad is not None or (spell, turn) == (before, None)
        bad_since = (bad_since or at) if bad else (None if bad is False else bad_since)
        if turn in (OPENED, REOPENED):
            assert not open_
            assert bad_since is not None
            assert at - bad_since >= rules.open_after
            assert (turn is REOPENED) == (before is not None and had_recovered is not None and
                                          spell is not None and before.opened_at == spell.opened_at
                                          and spell.reopened == before.reopened + 1)  # fmt: skip
        elif turn is not None:
            assert open_
            assert before is not None
            assert last is not None
        if turn is REMINDER:
            assert bad
            assert at - last >= rules.remind_after
        if turn is WIDENED:
            assert scope - before.scope
            assert at - last >= rules.widen_after
        if turn is RECOVERED:
            assert bad is False
            assert spell is not None
            assert spell.closed_at == at
        if turn is not None:
            open_, last = turn is not RECOVERED, at
            assert spell is not None
            assert spell.told_at == at
        assert open_ == (spell is not None and spell.is_open)
        assert spell is None or (spell.closed_at is None or not spell.is_open)
        # The same look again tells nothing: a tick that is repeated after a crash repeats no word.
        if spell is not None and min(rules.recover_after, rules.remind_after, rules.widen_after) > timedelta(
            0
        ):
            assert step(spell, Look(at, bad, scope), rules)[1] is None


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.sampled_from([True, False, None])), max_size=12),
    some_rules,
)
def test_looking_only_when_something_can_turn_tells_the_same_as_looking_all_the_time(
    stretches: list[tuple[int, bool | None]], rules: AlertRules
) -> None:
    grid = timedelta(minutes=5)

    def all_the_time() -> list[tuple[datetime, Turn]]:
        spell, at, found = None, START, []
        for looks, bad in stretches:
            for _ in range(looks):
                spell, turn = step(spell, Look(at, bad), rules)
                found += [(at, turn)] if turn else []
                at += grid
        return found

    def when_needed() -> list[tuple[datetime, Turn]]:
        spell, at, found = None, START, []
        for looks, bad in stretches:
            end = at + looks * grid
            while at < end:
                spell, turn = step(spell, Look(at, bad), rules)
                found += [(at, turn)] if turn else []
                then = next_turn(spell, Look(at, bad), rules)
                if then is None:
                    break
                at += max(1, -((at - then) // grid)) * grid
            at = end
        return found

    assert when_needed() == all_the_time()


def test_a_suspect_spell_keeps_the_end_of_the_one_before() -> None:
    closed = Spell(Phase.CLOSED, START, START, closed_at=START + timedelta(minutes=20))
    at = START + timedelta(minutes=30)
    suspect, turn = step(closed, Look(at, True), PATIENT)
    assert turn is None
    assert suspect is not None
    assert (suspect.phase, suspect.suspected_at) == (Phase.SUSPECT, at)
    back, turn = step(suspect, Look(at + timedelta(minutes=1), False), PATIENT)
    assert turn is None
    assert back is not None
    assert (back.phase, back.closed_at) == (Phase.CLOSED, closed.closed_at)
