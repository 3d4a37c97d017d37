"""Which posts a change becomes: event, customer type, ids, the instant of a tour, and the marker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.resman.text import comment
from domiq_dagster.sync.delivery.planning import (
    NothingToSend,
    OutboundChange,
    PostSettings,
    TourMove,
    marker,
    plan,
    summary_of,
)
from domiq_dagster.sync.status_map import DomiqMeaning, LeadStatus
from domiq_dagster.sync.tour_times import LOCAL, UTC_TIMES, sent_as

CHANGE = UUID("0123456789abcdef0123456789abcdef")
SETTINGS = PostSettings("agent", "source", "reason", "America/Chicago")
WHEN = datetime(2026, 11, 2, 12, tzinfo=UTC)
EVENTS = {
    LeadStatus.NEW: "Contact",
    LeadStatus.CONTACTED: "Contact",
    LeadStatus.QUALIFIED: "Other",
    LeadStatus.TOUR_SCHEDULED: "Appointment",
    LeadStatus.APPLICATION: "Application",
    LeadStatus.LEASED: "Other",
    LeadStatus.LOST: "Cancel",
}
TOUR = datetime(2026, 12, 1, 15, 30)


def steps(status: LeadStatus, resman: str | None, **fields: Any) -> Any:
    base: dict[str, Any] = {"old_status": "new", "reason": None, "summary": None, "tour_datetime": TOUR}
    change = OutboundChange(change_id=CHANGE, new_status=status.value, happened_at=WHEN, **{**base, **fields})
    return plan(change, DomiqMeaning(status, EVENTS[status]), SETTINGS, resman)


@pytest.mark.parametrize("status", list(LeadStatus))
def test_an_existing_prospect_is_told_in_one_post(status: LeadStatus) -> None:
    (step,) = steps(status, "Prospect")
    lost = status is LeadStatus.LOST
    assert (step.name, step.creates, step.event.event_type) == ("tell", False, EVENTS[status])
    assert step.customer_type == ("lost" if lost else "prospect")
    assert step.resman_status == ("Lost" if lost else "Prospect")
    assert step.event.transaction_source == ("reason" if lost else "source")
    assert (step.event.agent_id, step.event.first_contact) == ("agent", False)


@pytest.mark.parametrize("status", list(LeadStatus))
def test_a_lead_that_is_not_there_is_created_first(status: LeadStatus) -> None:
    create, *rest = steps(status, None)
    assert (create.name, create.creates, create.customer_type) == ("create", True, "prospect")
    event = create.event
    assert (event.event_type, event.first_contact, event.agent_id) == ("Contact", True, "agent")
    assert (event.transaction_source, event.event_date) == ("source", WHEN)
    told = [] if status in (LeadStatus.NEW, LeadStatus.CONTACTED) else [EVENTS[status]]
    assert [s.event.event_type for s in rest] == told


@pytest.mark.parametrize("status", [s for s in LeadStatus if s is not LeadStatus.LOST])
def test_a_lost_lead_is_reactivated_first(status: LeadStatus) -> None:
    first, *rest = steps(status, "Lost")
    assert (first.name, first.event.event_type, first.resman_status) == (
        "reactivate",
        "ReActivate",
        "Prospect",
    )
    assert (first.customer_type, first.event.transaction_source) == ("prospect", None)
    told = [] if status in (LeadStatus.NEW, LeadStatus.CONTACTED) else [EVENTS[status]]
    assert [s.event.event_type for s in rest] == told


@pytest.mark.parametrize(
    ("status", "resman", "outcome"),
    [(LeadStatus.LOST, "Lost", "already_there"), (LeadStatus.LOST, "Resident", "not_possible")]
    + [(s, r, "already_there") for s in LeadStatus for r in ("Applicant", "Resident") if s != "lost"],
)
def test_where_nothing_is_sent(status: LeadStatus, resman: str, outcome: str) -> None:
    found = steps(status, resman)
    assert isinstance(found, NothingToSend)
    assert found.outcome == outcome


def test_an_applicant_can_be_lost() -> None:
    (step,) = steps(LeadStatus.LOST, "Applicant")
    assert (step.event.event_type, step.customer_type) == ("Cancel", "lost")


def test_a_tour_is_at_its_own_time_and_without_one_is_a_note() -> None:
    (step,) = steps(LeadStatus.TOUR_SCHEDULED, "Prospect")
    assert step.event.event_date == datetime(2026, 12, 1, 21, 30, tzinfo=UTC)
    (note,) = steps(LeadStatus.TOUR_SCHEDULED, "Prospect", tour_datetime=None)
    assert (note.event.event_type, note.event.event_date) == ("Other", WHEN)
    assert "No tour time was given." in note.event.comments


SOONER = datetime(2026, 11, 30, 9)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (SOONER, TOUR, "The tour moved from 2026-11-30 09:00 (America/Chicago) to 2026-12-01 15:30 ("),
        (None, TOUR, "The tour is on 2026-12-01 15:30 (America/Chicago)."),
        (SOONER, None, "The tour of 2026-11-30 09:00 (America/Chicago) was called off"),
        (datetime.max, TOUR, "The tour moved from 9999-12-31 23:59 to 2026-12-01"),
    ],
)
def test_a_tour_that_moved_is_told_in_the_property_s_time(
    was: datetime | None, now: datetime | None, said: str
) -> None:
    (step,) = steps(
        LeadStatus.TOUR_SCHEDULED,
        "Prospect",
        old_status="tour_scheduled",
        tour_datetime=now,
        tour_move=TourMove(was, event_id="event"),
    )
    assert step.event.comments.startswith(f"DomIQ status: tour_scheduled. {said}")
    edits = ("Appointment", "event") if now else ("Other", None)
    assert (step.event.event_type, step.event.event_id) == edits


@pytest.mark.parametrize(
    ("move", "resman", "outcome"),
    [(TourMove(SOONER), r, "moved_on") for r in ("Lost", "Applicant", "Resident", "Waitlisted")]
    + [(TourMove(SOONER, is_told=True), "Prospect", "already_told")],
)
def test_where_a_tour_that_moved_is_not_told(move: TourMove, resman: str, outcome: str) -> None:
    """Least of all is a lead made active again for it."""
    found = steps(LeadStatus.TOUR_SCHEDULED, resman, tour_move=move)
    assert isinstance(found, NothingToSend) and found.outcome == outcome


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        (datetime(2026, 7, 1, 9), "America/Chicago", datetime(2026, 7, 1, 14)),
        (datetime(2026, 12, 1, 9), "America/Chicago", datetime(2026, 12, 1, 15)),
        (datetime(2026, 7, 1, 9), "America/Phoenix", datetime(2026, 7, 1, 16)),
        # 01:30 happens twice on 1 November: the first, still in summer time
        (datetime(2026, 11, 1, 1, 30), "America/New_York", datetime(2026, 11, 1, 5, 30)),
        (datetime(2026, 11, 1, 1, 30, fold=1), "America/New_York", datetime(2026, 11, 1, 5, 30)),
        # 02:30 does not happen on 8 March: as if the clock had not been changed yet
        (datetime(2026, 3, 8, 2, 30), "America/New_York", datetime(2026, 3, 8, 7, 30)),
        (datetime(2026, 3, 8, 1, 59), "America/New_York", datetime(2026, 3, 8, 6, 59)),
        (datetime(2026, 3, 8, 3, 0), "America/New_York", datetime(2026, 3, 8, 7, 0)),
    ],
)
def test_local_times_across_clock_changes(local: datetime, zone: str, utc: datetime) -> None:
    assert sent_as(local, LOCAL, zone) == utc.replace(tzinfo=UTC)


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)),
    st.sampled_from(["America/New_York", "America/Denver", "Pacific/Honolulu", "UTC"]),
)
def test_a_time_shows_as_itself_in_its_zone_or_is_a_skipped_one(local: datetime, zone: str) -> None:
    shown = sent_as(local, LOCAL, zone).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert shown - local in (timedelta(0), timedelta(hours=1))


@pytest.mark.parametrize("tour_times", [LOCAL, UTC_TIMES])
@pytest.mark.parametrize("zone", [UTC, ZoneInfo("America/Los_Angeles")])
def test_an_instant_is_sent_as_itself(tour_times: str, zone: tzinfo) -> None:
    """B3."""
    tour = datetime(2027, 2, 2, 15, tzinfo=UTC)
    assert sent_as(tour.astimezone(zone), tour_times, "America/New_York") == tour


def test_a_time_without_a_zone_may_be_utc() -> None:
    """B3."""
    tour = datetime(2027, 2, 2, 15)
    assert sent_as(tour, UTC_TIMES, None) == datetime(2027, 2, 2, 15, tzinfo=UTC)
    assert sent_as(tour, LOCAL, "America/New_York") == datetime(2027, 2, 2, 20, tzinfo=UTC)


@pytest.mark.parametrize("resman", [None, "Prospect", "Lost"])
@pytest.mark.parametrize("status", list(LeadStatus))
def test_every_step_has_a_marker_of_its_own_and_the_same_each_time(
    status: LeadStatus, resman: str | None
) -> None:
    found = steps(status, resman)
    if isinstance(found, NothingToSend):
        assert (status, resman) == (LeadStatus.LOST, "Lost")
        return
    assert found == steps(status, resman)
    marks = [s.marker for s in found]
    assert len(set(marks)) == len(marks)
    for step in found:
        assert step.marker in step.event.comments
        others = [s.event.comments for s in found if s is not step]
        assert not any(step.marker in text for text in others)


def test_markers_of_different_steps_do_not_contain_each_other() -> None:
    marks = [marker(CHANGE, s) for s in ("", "c", "r")]
    assert not any(a in b for a in marks for b in marks if a != b)


@given(st.text(max_size=400), st.one_of(st.none(), st.text(max_size=5000)))
def test_the_marker_survives_any_text_and_its_cutting(reason: str, summary: str | None) -> None:
    (step,) = steps(LeadStatus.QUALIFIED, "Prospect", reason=reason, summary=summary)
    sent = comment(step.event.comments)
    assert step.marker in sent
    assert len(sent) <= 2000


def test_the_summary_is_the_change_s_else_the_conversation_s() -> None:
    assert summary_of({"conversation_summary": "Wants two rooms"}, "old") == "Wants two rooms"
    for empty in (None, [], {}, {"conversation_summary": " "}, {"conversation_summary": 3}, "text"):
        assert summary_of(empty, "old") == "old"
