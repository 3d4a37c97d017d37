"""The words for a status: progress, lease milestones, and the map as a property has it."""

from __future__ import annotations

import pytest

from domiq_dagster.sync.statuses import (
    DomiqMeaning,
    LeadStatus,
    ResmanMeaning,
    StatusMap,
    effective_resman_status,
    progress,
)


def test_progress_goes_from_new_to_leased_and_lost_is_none() -> None:
    ordered = [s for s in LeadStatus if s is not LeadStatus.LOST]
    assert [progress(s) for s in ordered] == [0, 1, 2, 3, 4, 5]
    assert progress(LeadStatus.LOST) < progress(LeadStatus.NEW)


@pytest.mark.parametrize(
    ("status", "signed", "ended", "effective"),
    [
        ("Applicant", False, False, "Applicant"),
        ("Applicant", True, False, "Applicant/LeaseSigned"),
        ("Applicant", True, True, "Applicant"),
        ("Prospect", True, False, "Prospect"),
        ("Lost", True, False, "Lost"),
        ("Resident", True, True, "Resident"),
        ("A new word", True, False, "A new word"),
    ],
)
def test_a_signed_lease_of_an_applicant_is_a_milestone(
    status: str, signed: bool, ended: bool, effective: str
) -> None:
    assert effective_resman_status(status, signed, ended) == effective


def test_the_map_tells_what_a_word_means() -> None:
    statuses = StatusMap(
        {"engaged": DomiqMeaning(LeadStatus.CONTACTED, "Contact")},
        {"Lost": ResmanMeaning(frozenset({LeadStatus.LOST}), LeadStatus.LOST)},
    )
    assert statuses.lead_status("engaged") is LeadStatus.CONTACTED
    assert statuses.meaning("engaged") == DomiqMeaning(LeadStatus.CONTACTED, "Contact")
    assert statuses.lead_status("Engaged") is statuses.lead_status(None) is statuses.meaning("") is None
    assert statuses.covers("Lost", LeadStatus.LOST)
    assert not statuses.covers("Lost", LeadStatus.NEW)
    assert not statuses.covers("Former", LeadStatus.LOST)
