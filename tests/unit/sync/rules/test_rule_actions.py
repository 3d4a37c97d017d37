"""Actions: what each takes, what it comes to, and when it falls due by the property's clock."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domiq_dagster.sync.rules.actions import parse_actions
from domiq_dagster.sync.rules.clock import due
from domiq_dagster.sync.rules.effects import ScoreChange
from domiq_dagster.sync.rules.facts import Facts

CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("start", "given", "expected"),
    [
        ("2026-03-06T15:30", {"minutes": 30}, "2026-03-06T16:00"),
        ("2026-03-07T20:00", {"hours": 24}, "2026-03-08T20:00"),  # elapsed time
        ("2026-03-07T20:00", {"days": 1}, "2026-03-08T19:00"),  # 14:00 on either side of the change
        ("2026-10-31T19:00", {"days": 1}, "2026-11-01T20:00"),
        ("2026-03-06T15:30", {"at": time(9)}, "2026-03-07T15:00"),  # 09:30 is past
        ("2026-03-06T15:30", {"at": time(17)}, "2026-03-06T23:00"),
        ("2026-03-06T15:30", {"days": 1, "at": time(9)}, "2026-03-07T15:00"),
        ("2026-03-06T15:30", {"days": 1, "at": time(9), "business_days": True}, "2026-03-09T14:00"),
        ("2026-03-06T15:30", {"at": time(9), "business_days": True}, "2026-03-09T14:00"),
        ("2026-03-07T15:30", {"business_days": True, "hours": 1}, "2026-03-09T15:30"),
        ("2026-03-06T15:30", {"days": 5, "business_days": True}, "2026-03-13T14:30"),
        ("2026-03-07T08:00", {"days": 1, "at": time(2, 30)}, "2026-03-08T08:30"),  # 02:30 is left out
        ("2026-10-31T08:00", {"days": 1, "at": time(1, 30)}, "2026-11-01T06:30"),  # 01:30 comes twice
        ("2026-11-01T07:30", {"hours": 0}, "2026-11-01T07:30"),
    ],
)
def test_when_it_falls_due(start: str, given: dict[str, Any], expected: str) -> None:
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert due(moment, CHICAGO, **given) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("score", "change", "after"),
    [
        (None, ScoreChange(10, None, 0, 100), 10),
        (95, ScoreChange(10, None, 0, 100), 100),
        (5, ScoreChange(-10, None, 0, 100), 0),
        (5, ScoreChange(None, 80, 0, 70), 70),
    ],
)
def test_the_score_stays_within_its_bounds(score: int | None, change: ScoreChange, after: int) -> None:
    assert change.after(score) == after


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ("x", "unknown action None"),
        ({"type": "send_pigeon"}, "unknown action 'send_pigeon'"),
        ({"type": ["create_task"]}, "unknown action ['create_task']"),
        ({"type": "create_task", "cfg": {}}, "action 1 (create_task): it has type and config alone, not cfg"),
        ({"type": "create_task", "config": {"titl": "x"}}, "action 1 (create_task): unknown setting 'titl'"),
        ({"type": "create_task", "config": {"at": "9"}},
         'action 1 (create_task): at: a time of day is written like "09:00"'),
        ({"type": "schedule_follow_up", "config": {"delay_days": -1}},
         "action 1 (schedule_follow_up): delay_days: Input should be greater than or equal to 0"),
        ({"type": "send_notification", "config": {}},
         "action 1 (send_notification): recipients is missing"),
        ({"type": "send_notification", "config": {"recipients": []}},
         "action 1 (send_notification): recipients: it names nobody: give addresses or roles"),
        ({"type": "send_notification", "config": {"recipients": ["a", 3]}},
         "action 1 (send_notification): recipients: each is an address or the name of a role"),
        ({"type": "update_lead_score", "config": {"add": 1, "set": 2}},
         "action 1 (update_lead_score): give either add or set"),
        ({"type": "update_lead_score", "config": {"add": "1"}},
         "action 1 (update_lead_score): add: Input should be a valid integer"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_understood_is_named(action: Any, problem: str) -> None:
    assert parse_actions([action])[1] == [problem]


def test_a_problem_quotes_nobody_s_address() -> None:
    wrong = {
        "type": "send_notification",
        "config": {"recipients": ["ada@x.com"], "channel": "ada@x.com"},
    }
    ((problem),) = parse_actions([wrong])[1]
    assert "ada" not in problem


def test_what_is_left_out_is_filled_in() -> None:
    actions, problems = parse_actions(
        [{"type": "schedule_follow_up"}, {"type": "create_task", "config": None}]
    )
    assert problems == []
    start = datetime(2026, 3, 6, 15, 30, tzinfo=UTC)
    facts = Facts({"new_status": "application"}, {}, {}, start, CHICAGO)
    (follow_up,), (task,) = (a.effects(facts, "urgent") for a in actions)
    assert (follow_up.title, follow_up.due_at, follow_up.priority) == (
        "Follow up on a lead that is now application", datetime(2026, 3, 7, 15, 30, tzinfo=UTC), "urgent",
    )  # fmt: skip
    assert (task.due_at, task.assignee_role) == (None, "leasing_agent")
