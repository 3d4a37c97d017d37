"""Conditions: what holds, why not, and what is refused rather than read as false."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domiq_dagster.sync.rules.conditions import compile_conditions
from domiq_dagster.sync.rules.facts import Catalogue, Facts, FieldKind

CATALOGUE = Catalogue(
    {
        "status": FieldKind.TEXT,
        "lead_score": FieldKind.NUMBER,
        "price_range_max": FieldKind.NUMBER,
        "source": FieldKind.TEXT,
        "has_pets": FieldKind.BOOLEAN,
        "move_in_date": FieldKind.DATE,
        "tour_datetime": FieldKind.LOCAL_MOMENT,
        "start_time": FieldKind.MOMENT,
        "end_time": FieldKind.MOMENT,
        "created_at": FieldKind.MOMENT,
        "tags": FieldKind.ARRAY,
        "shape": FieldKind.OTHER,
    },
    messages=True,
)
AT = datetime(2026, 3, 6, 15, 30, tzinfo=UTC)
"""A Friday, 09:30 in Chicago."""


def facts(**over: Any) -> Facts:
    conversation = {
        "lead_score": 70, "price_range_max": Decimal("1500.50"), "source": "web", "has_pets": False,
        "move_in_date": date(2026, 4, 1), "tour_datetime": datetime(2026, 3, 9, 11), "tags": ["pet", 2],
        "start_time": AT - timedelta(minutes=45), "end_time": None, "created_at": AT - timedelta(days=1),
        "shape": "(1,2)", "status": "contacted",
    }  # fmt: skip
    given = {
        "change": {
            "old_status": "new", "new_status": "contacted", "updated_by": "chatbot", "created_at": AT,
            "sync_direction": "to_resman", "status_reason": None,
        },
        "context": {
            "urgency_level": "high", "score": 0.8, "deep": {"er": True}, "key_insights": ["has a pet"],
        },
        "changed_at": AT, "zone": ZoneInfo("America/Chicago"), "message_count": 5,
    }  # fmt: skip
    conversation |= over.pop("conversation", {})
    return Facts(conversation=conversation, **{**given, **over})


def why_not(conditions: Any, **over: Any) -> str | None:
    compiled = compile_conditions(conditions, CATALOGUE)
    assert compiled.problems == []
    return compiled.condition.why_not(facts(**over))


@pytest.mark.parametrize(
    "conditions",
    [
        None,
        {},
        {"lead_score": 70},
        {"lead_score": {"eq": 70}},
        {"lead_score": {"gte": 60, "lt": 80}},
        {"lead_score": {"between": [70, 70]}},
        {"price_range_max": {"eq": 1500.5}},
        {"message_count": 5, "conversation_duration": 45},
        {"source": "web"},
        {"source": ["phone", "web"]},
        {"source": {"ne": "phone", "starts_with": "w", "ends_with": "b", "contains": "e"}},
        {"has_pets": False},
        {"move_in_date": {"gte": "2026-03-01", "lt": "2026-04-02"}},
        {"tour_datetime": {"between": ["2026-03-09T11:00:00", "2026-03-09T12:00:00"]}},
        {"created_at": {"eq": "2026-03-06T15:30:00Z"}, "conversation.created_at": {"lt": "2026-03-06"}},
        {"change": {"old_status": "new"}, "conversation": {"source": "web"}},
        {"updated_by": "chatbot", "sync_direction": {"not_in": ["from_resman"]}},
        {"status_reason": None, "context_data.nothing": None},
        {"context_data.urgency_level": "high"},
        {"context_data": {"urgency_level": "high", "score": 0.5}},
        {"context_data.deep.er": True},
        {"context_data": {"exists": True}},
        {"context_data.key_insights": {"contains": "has a pet"}},
        {"tags": {"contains": 2}},
        {"shape": {"exists": True}},
        {"time_of_day": "morning"},
        {"time_of_day": "business_hours"},
        {"time_of_day": "09:30-09:31"},
        {"time_of_day": {"between": ["22:00", "09:31"]}},
        {"time_of_day": {"gte": "09:30", "lt": "10:00"}},
        {"time_of_day": {"in": ["night", "morning"]}},
        {"any": [{"lead_score": 99}, {"source": "web"}]},
        {"all": [{"lead_score": 1}, {"not": {"source": "phone"}}]},
        {"not": {"conversation": {"lead_score": {"gt": 70}}}},
    ],
    ids=str,
)
def test_it_holds(conditions: Any) -> None:
    assert why_not(conditions) is None


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"lead_score": 71}, "lead_score is 70, not at least 71"),
        ({"lead_score": {"eq": 71}}, "lead_score is 70, not 71"),
        ({"conversation_duration": {"lt": 45}}, "conversation_duration is 45, not less than 45"),
        ({"old_status": "lost"}, "old_status is new, not 'lost'"),
        ({"source": "phone"}, "source is not 'phone'"),
        ({"has_pets": True}, "has_pets is False, not true"),
        ({"status_reason": {"ne": "x"}}, "status_reason has no value"),
        ({"context_data.none": {"not_in": ["x"]}}, "context_data.none has no value"),
        ({"context_data.urgency_level": 3}, "context_data.urgency_level is not at least 3"),
        ({"context_data.deep.er": 1}, "context_data.deep.er is True, not at least 1"),
        ({"time_of_day": {"between": ["08:00", "09:30"]}}, "time_of_day is not between 08:00 and 09:30"),
        ({"time_of_day": "after_hours"}, "time_of_day is not after_hours"),
        (
            {"any": [{"lead_score": 99}, {"source": "phone"}]},
            "none of any holds: lead_score is 70, not at least 99, and source is not 'phone'",
        ),
        ({"not": {"source": "web"}}, "what must not hold does"),
    ],
    ids=str,
)
def test_it_does_not_hold_and_says_why(conditions: Any, reason: str) -> None:
    assert why_not(conditions) == reason


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ([1], "conditions is not a JSON object"),
        ({"moon_phase": 1}, "unknown condition 'moon_phase'"),
        ({"any": [{"not": {"moon_phase": 1}}]}, "unknown condition 'moon_phase'"),
        ({"change.lead_score": 1}, "unknown condition 'change.lead_score'"),
        ({"lead_score": {"gtee": 1}}, "lead_score: unknown operator 'gtee'"),
        ({"context_data": {"x": {"y": 1}}}, "context_data.x: unknown operator 'y'"),
        ({"lead_score": "high"}, "lead_score: 'high' is not a number, so the two cannot be compared"),
        ({"lead_score": True}, "lead_score: true is not a number, so the two cannot be compared"),
        ({"source": 3}, "source: gte cannot be asked of a text"),
        ({"has_pets": "yes"}, "has_pets: 'yes' is not true or false, so the two cannot be compared"),
        ({"lead_score": {}}, "lead_score: an empty object compares nothing"),
        ({"lead_score": []}, "lead_score: in takes a list with at least one value"),
        ({"lead_score": {"between": [3]}}, "lead_score: between takes a list of two values"),
        ({"lead_score": {"between": [3, 1]}}, "lead_score: between takes the lower value first"),
        ({"lead_score": {"exists": 1}}, "lead_score: exists takes true or false"),
        ({"shape": "x"}, "shape: only exists can be asked of such a column"),
        ({"time_of_day": {"between": ["09:00", "09:00"]}},
         "time_of_day: the two times are the same: nothing is between them"),
        ({"time_of_day": {"gte": "9"}}, 'time_of_day: a time of day is written like "09:00"'),
        ({"any": []}, "any takes a list with at least one object of conditions"),
        ({"all": [{}]}, "all takes a list of objects with conditions"),
        ({"not": {}}, "not takes an object with conditions"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_understood_is_named(conditions: Any, problem: str) -> None:
    assert compile_conditions(conditions, CATALOGUE).problems == [problem]


def test_what_an_installation_lacks_makes_a_condition_invalid_not_false() -> None:
    bare = Catalogue({"status": FieldKind.TEXT}, messages=False)
    given = {"message_count": 1, "lead_score": 1, "conversation_duration": 1}
    assert compile_conditions(given, bare).problems == [
        "message_count cannot be told: there is no table message with a conversation_id here",
        "lead_score cannot be read: table conversation has no such column here",
        "conversation_duration cannot be told: conversation has no start_time here",
    ]


@pytest.mark.parametrize(
    "field", ["lead_score", "source", "move_in_date", "has_pets", "tour_datetime", "context_data.none"]
)
def test_a_missing_value_passes_no_comparison(field: str) -> None:
    operand = {"source": "x", "move_in_date": "2026-01-01", "has_pets": True, "tour_datetime": "2026-01-01"}
    value = operand.get(field, 1)
    for operator in ("eq", "ne", "in", "not_in"):
        given = {field: {operator: [value] if operator.endswith("in") else value}}
        assert why_not(given, conversation={field: None}) == f"{field} has no value"
        assert why_not({"not": given}, conversation={field: None}) is None


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("2026-03-08T13:59:00Z", "morning"),  # 08:59, the clocks went forward at 02:00
        ("2026-03-08T06:00:00Z", "night"),  # midnight
        ("2026-11-01T06:30:00Z", "night"),  # 01:30 for the first time
        ("2026-11-01T07:30:00Z", "night"),  # and for the second
        ("2026-03-07T16:00:00Z", "after_hours"),  # a Saturday, 10:00
        ("2026-03-06T23:00:00Z", "evening"),  # 17:00
    ],
)
def test_the_time_of_day_is_that_of_the_property_s_clock(moment: str, name: str) -> None:
    assert why_not({"time_of_day": name}, changed_at=datetime.fromisoformat(moment)) is None
