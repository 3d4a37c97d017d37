"""What ends a delivery before its lead is looked for: another change tells ResMan the same, or it is too
early to tell it anything. Pure."""

from __future__ import annotations

from domiq_dagster.sync.delivery.outcomes import Outcome, Postpone, Settle
from domiq_dagster.sync.delivery.pending_change import PendingChange
from domiq_dagster.sync.queue.lanes import NEVER_PULLED


def ended_beforehand(change: PendingChange, patience: float) -> Outcome | None:
    """How a delivery ends that needs no look at ResMan; None where it does.

    Args:
        patience: seconds for which a change waits for the first pull of its property.
    """
    if change.first_id is not None:
        return _as_the_first(change)
    if change.is_from_there:
        return Settle("success", "superseded", "the application says that this move came from ResMan")
    if not change.awaits_pull:
        return None
    if change.is_overtaken:
        return Settle(
            "success",
            "superseded",
            "it was logged before the property was connected, and a later change, made since, speaks for it",
        )
    return Postpone(NEVER_PULLED, patience)


def _as_the_first(change: PendingChange) -> Outcome:
    """The application and the capture trigger logged one move: the first of the two rows was delivered."""
    if change.first_status not in ("success", "failed"):
        return Postpone("same_move_under_way", 1.0, state="ready")
    return Settle(
        change.first_status,
        "same_move",
        f"the same move as change {change.first_id}, which was logged first and went to ResMan",
        prospect_id=change.first_lead_id,
    )
