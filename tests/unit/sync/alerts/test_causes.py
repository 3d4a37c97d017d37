"""Whom a cause explains: every trouble is told of by one alert, whatever happens in whichever order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domiq_dagster.sync.alerts.cases import (
    CAPTURE_MISSES,
    CREDENTIALS,
    NOT_ENTITLED,
    RESMAN_DOWN,
    STANDSTILL,
    IncidentCase,
    Subject,
)
from domiq_dagster.sync.alerts.causes import find_cases
from domiq_dagster.sync.alerts.incidents import Incident, Phase, advance
from domiq_dagster.sync.alerts.thresholds import Threshold, Thresholds
from domiq_dagster.sync.alerts.watched import (
    CaptureMisses,
    Reading,
    Readings,
    TroubleKind,
    WatchedProperty,
)
from domiq_dagster.sync.grants import MissingGrant
from tests.depth import examples

START = datetime(2026, 3, 1, tzinfo=UTC)
THRESHOLDS = Thresholds(Threshold(), {})
NAMES = "abcdef"
Trouble = dict[tuple[str, TroubleKind], str | None]


def watched(name: str, paused: dict[str, str]) -> WatchedProperty:
    account = "400" if name < "d" else "401"
    until = START if account in paused else None
    number = UUID(int=ord(name))
    return WatchedProperty(
        number, name, name.upper(), account, True, START, False, None, until, paused.get(account)
    )


def readings(
    at: datetime,
    trouble: Trouble,
    paused: dict[str, str],
    before: datetime | None = None,
    lacking: dict[str, str] | None = None,
) -> Readings:
    properties = [watched(name, paused) for name in NAMES]
    found = [
        Reading(p, kind, (p.partition_key, kind) in trouble, {}, trouble.get((p.partition_key, kind)))
        for kind in TroubleKind
        for p in properties
    ]
    by_name = {p.partition_key: p for p in properties}
    grants = [
        MissingGrant(p.property_id, name, p.account_id, f"{p.account_id} {endpoint}", "said", START)
        for name, endpoint in (lacking or {}).items()
        for p in [by_name[name]]
    ]
    return Readings(at, properties, found, before, missing_grants=grants)


class History:
    """Evaluations one after the other, each with the incidents that the ones before it made."""

    def __init__(self) -> None:
        self.incidents: dict[Subject, Incident] = {}
        self.at = START

    def evaluate(
        self,
        trouble: Trouble,
        paused: dict[str, str] | None = None,
        minutes: float = 1,
        gap: bool = False,
        lacking: dict[str, str] | None = None,
    ) -> tuple[list[IncidentCase], list[tuple[str, str]]]:
        before = None if self.at == START else self.at
        self.at += timedelta(minutes=300 if gap else minutes)
        seen = readings(self.at, trouble, paused or {}, before, lacking)
        found = find_cases(seen, self.incidents, THRESHOLDS)
        notices = []
        for case in found:
            incident, transition = advance(self.incidents.get(case.subject), case.observation, case.rules)
            if incident is None:
                self.incidents.pop(case.subject, None)
            else:
                self.incidents[case.subject] = incident
            if transition is not None:
                notices.append((transition.value, str(case.subject.kind)))
        return found, notices


def all_of(kind: TroubleKind, names: str = NAMES, reason: str | None = None) -> Trouble:
    return {(name, kind): reason for name in names}


def test_two_accounts_that_do_not_answer_are_one_cause() -> None:
    history = History()
    down = {"400": "unreachable", "401": "no_answer"}
    assert history.evaluate({}, down)[1] == []
    assert history.evaluate(all_of(TroubleKind.OLDEST_PENDING), down, 5)[1] == [("opened", RESMAN_DOWN)]
    assert history.evaluate(all_of(TroubleKind.NO_PULL, reason="unreachable"), down, 60)[1] == []


def test_a_blip_of_an_account_is_told_to_nobody() -> None:
    history = History()
    for _ in range(20):
        assert history.evaluate({}, {"400": "server_fault"}, 4)[1] == []
        assert history.evaluate({}, {}, 1)[1] == []


def test_refused_credentials_are_another_cause_than_an_outage_beside_it() -> None:
    history = History()
    paused = {"400": "bad_credentials", "401": "busy"}
    history.evaluate({}, paused)
    assert history.evaluate({}, paused, 5)[1] == [("opened", CREDENTIALS), ("opened", RESMAN_DOWN)]


POST = "MITS/PostLeadManagement4_0"


def test_a_missing_grant_is_one_cause_that_takes_what_waits_for_it_and_nothing_else() -> None:
    """A6: an endpoint that is not granted at two properties of one account."""
    history = History()
    lacking = {"a": POST, "b": POST}
    found, notices = history.evaluate({}, lacking=lacking)
    assert notices == [("opened", NOT_ENTITLED)]
    assert found[0].accounts == {"400": POST}
    assert [p.partition_key for p in found[0].properties] == ["a", "b"]
    waits = all_of(TroubleKind.OLDEST_PENDING, "ab") | all_of(TroubleKind.NO_PULL, "a", reason="not_entitled")
    assert history.evaluate(waits, minutes=40, lacking=lacking)[1] == []
    others = waits | all_of(TroubleKind.NO_PULL, "b", reason="server_fault")
    assert history.evaluate(others, lacking=lacking)[1] == [("opened", TroubleKind.NO_PULL)]
    others |= all_of(TroubleKind.OLDEST_PENDING, "d")
    assert history.evaluate(others, lacking=lacking)[1] == [("opened", TroubleKind.OLDEST_PENDING)]


def test_it_is_over_when_what_waited_for_the_grant_has_gone_across() -> None:
    """A6: nobody is told of a backlog that drains once the endpoint is granted."""
    history = History()
    waits = all_of(TroubleKind.OLDEST_PENDING, "a")
    assert history.evaluate(waits, lacking={"a": POST})[1] == [("opened", NOT_ENTITLED)]
    assert history.evaluate(waits, minutes=30)[1] == []
    assert history.evaluate({}, minutes=1)[1] == []
    assert history.evaluate({}, minutes=11)[1] == [("recovered", NOT_ENTITLED)]


def test_failures_are_not_laid_at_an_outage_s_door() -> None:
    history = History()
    history.evaluate({}, {"400": "unreachable"})
    notices = history.evaluate(all_of(TroubleKind.FAILED_SYNC, "a", "refused"), {"400": "unreachable"}, 5)[1]
    assert notices == [("opened", RESMAN_DOWN), ("opened", "failed_sync")]


def test_a_backlog_that_drains_after_an_outage_is_part_of_it() -> None:
    history = History()
    down = {"400": "unreachable"}
    history.evaluate({}, down)
    assert history.evaluate(all_of(TroubleKind.OLDEST_PENDING, "abc"), down, 40)[1] == [
        ("opened", RESMAN_DOWN)
    ]
    for names in ("abc", "ab", "b"):
        assert history.evaluate(all_of(TroubleKind.OLDEST_PENDING, names), {}, 10)[1] == []
    assert history.evaluate({}, {}, 1)[1] == []
    assert history.evaluate({}, {}, 10)[1] == [("recovered", RESMAN_DOWN)]


def test_one_property_without_pulls_is_no_standstill_unless_nobody_watched() -> None:
    trouble = all_of(TroubleKind.NO_PULL, "a")
    assert History().evaluate(trouble)[1] == [("opened", "no_pull")]
    history = History()
    history.evaluate({})
    assert history.evaluate(trouble, gap=True)[1] == [("opened", STANDSTILL)]
    history = History()
    history.evaluate({})
    assert history.evaluate({}, gap=True)[1] == []


@pytest.mark.parametrize(("changes", "found"), [(2, [CAPTURE_MISSES]), (0, [])])
def test_what_capture_could_not_log_touches_every_property_and_explains_no_trouble(
    changes: int, found: list[str]
) -> None:
    """D13."""
    failing = readings(START, all_of(TroubleKind.FAILED_SYNC, "a", "refused"), {})
    missing = replace(failing, misses=CaptureMisses(changes, changes, START))
    cases = {case.subject.kind: case for case in find_cases(missing, {}, THRESHOLDS)}
    assert list(cases) == ["failed_sync", *found]
    for kind in found:
        assert [p.partition_key for p in cases[kind].properties] == list(NAMES)
        assert cases[kind].figures()["misses"] == changes


def test_a_property_with_an_alert_of_its_own_keeps_it_when_others_join() -> None:
    history = History()
    assert history.evaluate(all_of(TroubleKind.FAILED_SYNC, "a", "refused"))[1] == [("opened", "failed_sync")]
    shared = "shared:failed_sync:refused"
    assert history.evaluate(all_of(TroubleKind.FAILED_SYNC, "abcd", "refused"))[1] == [("opened", shared)]
    assert history.evaluate({}, minutes=1)[1] == []
    assert sorted(history.evaluate({}, minutes=10)[1]) == [
        ("recovered", "failed_sync"),
        ("recovered", shared),
    ]


def test_a_reason_that_changes_does_not_make_another_alert() -> None:
    history = History()
    history.evaluate(all_of(TroubleKind.FAILED_SYNC, "abc", "refused"))
    mixed: Trouble = {
        **all_of(TroubleKind.FAILED_SYNC, "ab", "refused"),
        **all_of(TroubleKind.FAILED_SYNC, "c", "bad_request"),
    }
    assert history.evaluate(mixed)[1] == []


evaluations = st.lists(
    st.tuples(
        st.dictionaries(
            st.tuples(st.sampled_from(NAMES), st.sampled_from(list(TroubleKind))),
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
@given(evaluations)
def test_each_trouble_belongs_to_one_alert_and_each_alert_is_told_once_a_transition(
    history_of: list[tuple[Trouble, dict[str, str], int, bool]],
) -> None:
    history = History()
    for trouble, paused, minutes, gap in history_of:
        before = dict(history.incidents)
        found, _ = history.evaluate(trouble, paused, minutes, gap)
        assert max(Counter(c.subject for c in found).values(), default=1) == 1
        told_in: Counter[tuple[UUID, TroubleKind]] = Counter()
        for case in found:
            own = case.subject.property_id is not None
            for r in case.members:
                if not own or case.observation.bad:
                    told_in[r.watched.property_id, r.kind] += 1
                if not own:
                    key = Subject(r.watched.property_id, r.kind)
                    assert key not in before or before[key].phase is Phase.CLOSED
            assert own or case.observation.bad == bool(case.members or case.accounts)
        expected = {(UUID(int=ord(name)), kind) for name, kind in trouble}
        assert set(told_in) == expected
        assert max(told_in.values(), default=1) == 1
        live = {s for s, incident in before.items() if incident.phase is not Phase.CLOSED}
        assert live <= {c.subject for c in found}
    # When all is well for long enough, every alert is over.
    for _ in range(3):
        history.evaluate({}, {}, 90)
    assert not [s for s, incident in history.incidents.items() if incident.is_open]
