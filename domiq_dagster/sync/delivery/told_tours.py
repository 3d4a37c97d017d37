"""Tours told: what a settled change keeps of the tour that ResMan was told of with it, for the tour's next
move. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domiq_dagster.sync.delivery.resolving import Resolved
from domiq_dagster.sync.status_map import LeadStatus


def tells_tour(resolved: Resolved) -> bool:
    """Whether what a change tells ResMan has a tour's time in it, or says that there is none."""
    meaning = resolved.meaning
    return meaning.lead_status is LeadStatus.TOUR_SCHEDULED and meaning.event_type == "Appointment"


def told_tour(
    resolved: Resolved, mark: str, posted: Mapping[str, Any], event_ids: Sequence[str] = ()
) -> dict[str, Any]:
    """What goes on record: `{"tour": ...}`, as `pending_change.ToldTour` reads it; nothing where the change
    tells of no tour.

    Args:
        mark: the marker of the post that told it.
        posted: what was noted of that post; of one that was never noted the change itself tells the time.
        event_ids: what ResMan's answer to it gave. Of several nobody knows which is its own.
    """
    if not tells_tour(resolved):
        return {}
    told = resolved.change.told
    time = posted.get("tour", resolved.change.tour)  # of one in doubt, what was posted then
    noted: dict[str, Any] = {"time": time}
    if time is not None:
        noted["marker"] = mark
        if len(event_ids) == 1:
            noted["event_id"] = event_ids[0]
    elif told is not None:
        # The appointment that stood there stands there still, with a note beside it.
        noted |= {"marker": told.marker, "event_id": told.event_id}
    if not (resolved.edits and (told is None or told.edits)):
        noted["edits"] = False
    return {"tour": noted}
