"""Whom a cause explains: every trouble is told of by one alert, whatever happens in whichever order."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from domiq_dagster.sync.alerts.causes import CREDENTIALS, RESMAN_DOWN, STANDSTILL, Case, Subject, cases
from domiq_dagster.sync.alerts.incidents import Phase, Spell, step
from domiq_dagster.sync.alerts.readings import Kind, Place, Reading, Readings
from domiq_dagster.sync.alerts.thresholds import Threshold, Thresholds
from tests.depth import examples

START = datetime(2026, 3, 1, tzinfo=UTC)
THRESHOLDS = Thresholds(Threshold(), {})
NAMES = "abcdef"
Trouble = dict[tuple[str, Kind], str | None]


def place(name: str, closed: dict[str, str]) -> Place:
    account = "400" if name < "d" else "401"
    until = START if account in closed else None
    number = UUID(int=ord(name))
    return Place(number, name, name.upper(), account, True, START, False, None, until, closed.get(account))


def seen(at: datetime, trouble: Trouble, closed: dict[str, str], before: datetime | None = None) -> Readings:
    places = [place(name, closed) for name in NAMES]
    readings = [
        Reading(p, kind, (p.partition_key, kind) in trouble, {}, trouble.get((p.partition_key, kind)))
        for kind in Kind
        for p in places
    ]
    return Readings(at, places, readings, before)


class History:
    """Looks one after the other, each with the spells that the ones before it made."""

    def __init__(self) -> None:
        self.spells: dict[Subject, Spell] = {}
        self.at = START

    def look(
        self, trouble: Trouble, closed: dict[str, str] | None = None, minutes: float = 1, gap: bool = False
    ) -> tuple[list[Case], list[tuple[str, str]]]:
        before = None if self.at == START else self.at
        self.at += timedelta(minutes=300 if gap else minutes)
        found = cases(seen(self.at, trouble, closed or {}, before), self.spells, THRESHOLDS)
        told = []
        for case in found:
            spell, turn = step(self.spells.get(case.subject), case.look, case.rules)
            if spell is None:
                self.spells.pop(case.subject, None)
            else:
                self.spells[case.subject] = spell
            if turn is not None:
                told.append((turn.value, str(case.subject.kind)))
        return found, told


def all_of(kind: Kind, names: str = NAMES, reason: str | None = None) -> Trouble:
    return {(name, kind): reason for name in names}


def test_two_accounts_that_do_not_answer_are_one_cause() -> None:
    history = History()
    down = {"400": "unreachable", "401": "no_answer"}
    assert history.look({}, down)[1] == []
    assert history.look(all_of(Kind.OLDEST_PENDING), down, 5)[1] == [("opened", RESMAN_DOWN)]
    assert history.look(all_of(Kind.NO_PULL, reason="unreachable"), down, 60)[1] == []


def test_a_blip_of_an_account_is_told_to_nobody() -> None:
    history = History()
    for _ in range(20):
        assert history.look({}, {"400": "server_fault"}, 4)[1] == []
        assert history.look({}, {}, 1)[1] == []


def test_refused_credentials_are_another_cause_than_an_outage_beside_it() -> None:
    history = History()
    closed = {"400": "bad_credentials", "401": "busy"}
    history.look({}, closed)
    assert history.look({}, closed, 5)[1] == [("opened", CREDENTIALS), ("opened", RESMAN_DOWN)]


def test_failures_are_not_laid_at_an_outage_s_door() -> None:
    history = History()
    history.look({}, {"400": "unreachable"})
    told = history.look(all_of(Kind.FAILED_SYNC, "a", "refused"), {"400": "unreachable"}, 5)[1]
    assert told == [("opened", RESMAN_DOWN), ("opened", "failed_sync")]


def test_a_backlog_that_drains_after_an_outage_is_part_of_it() -> None:
    history = History()
    down = {"400": "unreachable"}
    history.look({}, down)
    assert history.look(all_of(Kind.OLDEST_PENDING, "abc"), down, 40)[1] == [("opened", RESMAN_DOWN)]
    for names in ("abc", "ab", "b"):
        assert history.look(all_of(Kind.OLDEST_PENDING, names), {}, 10)[1] == []
    assert history.look({}, {}, 1)[1] == []
    assert history.look({}, {}, 10)[1] == [("recovered", RESMAN_DOWN)]


def test_one_property_without_pulls_is_no_standstill_unless_nobody_looked() -> None:
    trouble = all_of(Kind.NO_PULL, "a")
    assert History().look(trouble)[1] == [("opened", "no_pull")]
    history = History()
    history.look({})
    assert history.look(trouble, gap=True)[1] == [("opened", STANDSTILL)]
    history = History()
    history.look({})
    assert history.look({}, gap=True)[1] == []


def test_a_property_with_an_alert_of_its_own_keeps_it_when_others_join() -> None:
    history = History()
    assert history.look(all_of(Kind.FAILED_SYNC, "a", "refused"))[1] == [("opened", "failed_sync")]
    shared = "shared:failed_sync:refused"
    assert history.look(all_of(Kind.FAILED_SYNC, "abcd", "refused"))[1] == [("opened", shared)]
    assert history.look({}, minutes=1)[1] == []
    assert sorted(history.look({}, minutes=10)[1]) == [("recovered", "failed_sync"), ("recovered", shared)]


def test_a_reason_that_changes_does_not_make_another_alert() -> None:
    history = History()
    history.look(all_of(Kind.FAILED_SYNC, "abc", "refused"))
    mixed: Trouble = {
        **all_of(Kind.FAILED_SYNC, "ab", "refused"),
        **all_of(Kind.FAILED_SYNC, "c", "bad_request"),
    }
    assert history.look(mixed)[1] == []


looks = st.lists(
    st.tuples(
        st.dictionaries(
            st.tuples(st.sampled_from(NAMES), st.sampled_from(list(Kind))),
            st.sampled_from([None, "refused", "unreachable", "not_entitled"]),
            max_size=14,
        ),
        st.dictionaries(
            st.sampled_from(["400", "401"]), st.sampled_from(["unreachable", "bad_credentials"]), max_size=2
        ),
        st.sampled_from([1, 3, 11, 40]),
        st.booleans(),
    ),
    max_size=15,
)


@settings(max_examples=examples(120), deadline=None)
@given(looks)
def test_each_trouble_belongs_to_one_alert_and_each_alert_is_told_once_a_turn(
    history_of: list[tuple[Trouble, dict[str, str], int, bool]],
) -> None:
    history = History()
    for trouble, closed, minutes, gap in history_of:
        before = dict(history.spells)
        found, _ = history.look(trouble, closed, minutes, gap)
        assert max(Counter(c.subject for c in found).values(), default=1) == 1
        told_by: Counter[tuple[UUID, Kind]] = Counter()
        for case in found:
            own = case.subject.property_id is not None
            for r in case.members:
                if not own or case.look.bad:
                    told_by[r.place.property_id, r.kind] += 1
                if not own:
                    key = Subject(r.place.property_id, r.kind)
                    assert key not in before or before[key].phase is Phase.CLOSED
            assert own or case.look.bad == bool(case.members or case.accounts)
        expected = {(UUID(int=ord(name)), kind) for name, kind in trouble}
        assert set(told_by) == expected
        assert max(told_by.values(), default=1) == 1
        live = {s for s, spell in before.items() if spell.phase is not Phase.CLOSED}
        assert live <= {c.subject for c in found}
    # When all is well for long enough, every alert is over.
    for _ in range(3):
        history.look({}, {}, 90)
    assert not [s for s, spell in history.spells.items() if spell.is_open]
