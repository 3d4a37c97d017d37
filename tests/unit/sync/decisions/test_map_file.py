"""The file of plan-map: what it proposes, and a sentence for each fault."""

import json
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.decisions.map_file import MapFileError, Proposed, read_map_file
from domiq_dagster.sync.status_map import ConflictPolicy, DomiqMeaning, LeadStatus, ResmanMeaning

FLATS = UUID(int=1)


def read(content: Any) -> Proposed:
    return read_map_file(content if isinstance(content, str) else json.dumps(content), {"flats": FLATS}.get)


def test_a_file_proposes_rows_and_policies_of_one_property_or_of_all() -> None:
    proposed = read(
        [
            {"domiq": {"hot": {"lead_status": "qualified", "event_type": "Other"}, "gone": None}},
            {
                "property": "flats",
                "policy": "domiq_wins",
                "resman": {"Applicant/Denied": {"covers": ["lost"], "sets": "lost"}},
            },
        ]
    )
    assert proposed.rows.domiq == {
        (None, "hot"): DomiqMeaning(LeadStatus.QUALIFIED, "Other"),
        (None, "gone"): None,
    }
    assert proposed.rows.resman == {
        (FLATS, "Applicant/Denied"): ResmanMeaning(frozenset({LeadStatus.LOST}), LeadStatus.LOST)
    }
    now = ConflictPolicy.RESMAN_WINS
    assert proposed.policy_of(FLATS, now) is ConflictPolicy.DOMIQ_WINS
    assert proposed.policy_of(UUID(int=2), now) is now


LOST = {"covers": ["lost"], "sets": "lost"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "The file is no JSON at line 1"),
        ("[" * 100_000, "The file is no JSON"),
        ({}, "The file proposes nothing"),
        ([1], "The file is no object"),
        ({"polcy": "x", "policy": "domiq_wins"}, "The file has 'polcy', which means nothing"),
        ({"policy": "best"}, "The file has the policy 'best', which there is not"),
        ({"policy": ["domiq_wins"]}, "The file has the policy '[\"domiq_wins\"]', which there is not"),
        (
            {"property": "nowhere", "policy": "domiq_wins"},
            "The file is about 'nowhere', which is no connected",
        ),
        ({"domiq": {}}, "The file proposes nothing"),
        ({"domiq": []}, "The file has no object under domiq"),
        ({"domiq": [1]}, "The file has no object under domiq"),
        ({"resman": False}, "The file has no object under resman"),
        (
            [{"domiq": {"a": None}}, {"domiq": {"A": None}}],
            "Two parts say 'A' under domiq of the same property",
        ),
        (
            [{"property": "flats", "policy": "domiq_wins"}, {"property": "flats", "policy": "resman_wins"}],
            "Two parts say the policy of the same property",
        ),
        (
            {"domiq": {"a": {"lead_status": [], "event_type": "Other"}}},
            "The row for DomIQ's status 'a' names",
        ),
        ({"domiq": {"a": 1}}, "The row of 'a' is no object"),
        ({"domiq": {" ": None}}, "The file has an empty word under domiq"),
        ({"domiq": {"a": {"lead_status": "new"}}}, "The row for DomIQ's status 'a' has no event_type"),
        (
            {"domiq": {"a": {"lead_status": "hot", "event_type": "Other"}}},
            "The row for DomIQ's status 'a' names the lead status 'hot'",
        ),
        (
            {"domiq": {"a": {"lead_status": "new", "event_type": "cancel"}}},
            "The row for DomIQ's status 'a' would post the event 'cancel', which says something else",
        ),
        (
            {"domiq": {"a": {"lead_status": "new", "event_type": 5}}},
            "The row for DomIQ's status 'a' has no event type",
        ),
        (
            {"resman": {"Lost/Twice": LOST}},
            "The row for ResMan's status 'Lost/Twice' names no lease milestone",
        ),
        ({"resman": {"Lost": {**LOST, "covers": []}}}, "The row for ResMan's status 'Lost' covers nothing"),
        ({"resman": {"Lost": {**LOST, "covers": ["x"]}}}, "The row for ResMan's status 'Lost' covers 'x'"),
        ({"resman": {"Lost": {**LOST, "covers": [[]]}}}, "The row for ResMan's status 'Lost' covers '[]'"),
        ({"resman": {"Lost": {**LOST, "sets": "new"}}}, "The row for ResMan's status 'Lost' sets 'new'"),
        ({"resman": {"Lost": {**LOST, "note": 1}}}, "The row for ResMan's status 'Lost' has 'note'"),
        ('{"domiq": {"a": null, "A": null}}', "'A' comes twice in one object"),
    ],
)
def test_each_fault_is_one_sentence_that_says_what_would_do(content: Any, sentence: str) -> None:
    with pytest.raises(MapFileError) as raised:
        read(content)
    (fault,) = raised.value.faults
    assert fault.startswith(sentence)
    assert fault.endswith(".")
    assert ": " in fault


def test_every_fault_of_a_file_is_told() -> None:
    with pytest.raises(MapFileError) as raised:
        read({"policy": "best", "resman": {"Lost": {**LOST, "sets": "new"}, "Other": LOST}})
    assert len(raised.value.faults) == 2
