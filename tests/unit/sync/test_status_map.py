"""The words for a status: progress, lease milestones, and the map as a property has it."""

from __future__ import annotations

from datetime import date

import pytest

from domiq_dagster.resman.models import Lease
from domiq_dagster.sync.status_map import (
    SHIPPED,
    DomiqMeaning,
    LeadStatus,
    ResmanMeaning,
    StatusMap,
    progress,
    status_with_milestone,
    treated_as,
)

DAY = date(2026, 11, 2)


def test_progress_goes_from_new_to_leased_and_lost_is_none() -> None:
    ordered = [s for s in LeadStatus if s is not LeadStatus.LOST]
    assert [progress(s) for s in ordered] == [0, 1, 2, 3, 4, 5]
    assert progress(LeadStatus.LOST) < progress(LeadStatus.NEW)


def test_the_map_tells_what_a_word_means() -> None:
    statuses = StatusMap(
        {"engaged": DomiqMeaning(LeadStatus.CONTACTED, "Contact")},
        {"Lost": ResmanMeaning(frozenset({LeadStatus.LOST}), LeadStatus.LOST)},
    )
    assert statuses.lead_status("engaged") is LeadStatus.CONTACTED
    assert statuses.meaning("engaged") == DomiqMeaning(LeadStatus.CONTACTED, "Contact")
    assert statuses.lead_status("Engaged ") is LeadStatus.CONTACTED  # B5
    assert statuses.lead_status("engage d") is statuses.lead_status(None) is statuses.meaning("") is None
    assert statuses.covers("LOST", LeadStatus.LOST)
    assert statuses.covers("Lost", LeadStatus.LOST)
    assert not statuses.covers("Lost", LeadStatus.NEW)
    assert not statuses.covers("Former", LeadStatus.LOST)


@pytest.mark.parametrize(
    ("status", "lease", "word", "stands"),
    [
        ("Applicant", None, "Applicant", "Applicant"),
        ("Applicant", Lease(application_date=DAY), "Applicant", "Applicant"),
        ("Applicant", Lease(status="Pending", approval_date=DAY), "Applicant/Approved", "Applicant"),
        ("Applicant", Lease(approval_date=DAY, lease_signed_date=DAY), "Applicant/LeaseSigned", "Resident"),
        ("Applicant", Lease(lease_signed_date=DAY, move_in_date=DAY), "Applicant/MovedIn", "Resident"),
        ("Applicant", Lease(move_in_date=DAY), "Applicant", "Applicant"),
        ("Applicant", Lease(status="current", denial_date=DAY), "Applicant/MovedIn", "Resident"),
        ("Applicant", Lease(status="Denied"), "Applicant/Denied", "Applicant"),
        ("Applicant", Lease(lease_signed_date=DAY, denial_date=DAY), "Applicant/Denied", "Applicant"),
        ("Applicant", Lease(status="Cancelled", denial_date=DAY), "Applicant/Cancelled", "Applicant"),
        ("Applicant", Lease(cancellation_date=DAY), "Applicant/Cancelled", "Applicant"),
        ("Applicant", Lease(status="A new word"), "Applicant", "Applicant"),
        ("Resident", Lease(status="Former"), "Resident/Former", "Resident"),
        ("Resident", Lease(status="Evicted"), "Resident/Evicted", "Resident"),
        ("Resident", Lease(status="Current", move_in_date=DAY), "Resident", "Resident"),
        ("Prospect", Lease(status="Cancelled"), "Prospect", "Prospect"),
        ("Lost", Lease(lease_signed_date=DAY), "Lost", "Lost"),
        ("A new word", Lease(status="Denied"), "A new word", "A new word"),
    ],
)
def test_a_lease_s_milestone_refines_the_status(
    status: str, lease: Lease | None, word: str, stands: str
) -> None:
    assert status_with_milestone(status, lease) == word
    assert treated_as(word) == stands


def test_a_milestone_without_a_row_means_what_the_status_alone_means() -> None:
    assert SHIPPED.resman_meaning("Applicant/Approved") == SHIPPED.resman_meaning("Applicant")
    assert SHIPPED.resman_meaning("Applicant/LeaseSigned") == SHIPPED.resman_meaning("Resident")
    assert SHIPPED.resman_meaning("Ghost/Approved") is None
    broken = StatusMap({}, SHIPPED.resman, {"Applicant/Approved": "a bad row"})
    assert broken.resman_meaning("Applicant/Approved") is None
