"""Whether DomIQ's news is newer than what ResMan tells of a lead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from domiq_dagster.resman.models import LeadEvent, LeadRecord
from domiq_dagster.sync.delivery.pending_change import PendingChange
from domiq_dagster.sync.delivery.readback import is_newer

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)


@dataclass
class Change:
    """What is asked of a change here."""

    began_at: datetime
    last_modified: datetime | None


@pytest.mark.parametrize(
    ("dates", "last_modified", "newer"),
    [
        ([BEFORE, None], AFTER, True),
        ([AFTER, None], BEFORE, False),
        ([None], BEFORE, True),
        ([None], AFTER, False),
        ([None], None, False),
        ([], AFTER, False),
    ],
)
def test_events_without_a_date_tell_nothing_of_when(
    dates: list[datetime | None], last_modified: datetime | None, newer: bool
) -> None:
    """A4: then the lead's own date decides, and where nothing is known DomIQ is not the newer one."""
    record = LeadRecord("P", "prospect", events=tuple(LeadEvent("Show", when) for when in dates))
    change = cast(PendingChange, Change(NOON, last_modified))
    assert is_newer(change, record) is newer
