"""What an attempt's span says of a delivery: each claim of a change is an attempt, and a retry names the one
before it."""

from __future__ import annotations

from sqlalchemy import Connection

from domiq_dagster.sync.delivery.outcomes import DeliveryResult
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.queue import Claim
from domiq_dagster.sync.status_map import StatusMap
from domiq_dagster.tracing import spans
from domiq_dagster.tracing.spans import Attempt, TracedChange

_SETTLED = frozenset({"success", "failed"})
_OTHER = "other"


def attempt(connection: Connection, claim: Claim, integration: Integration) -> Attempt | None:
    """The attempt that begins with a claim; None where nobody gathers traces. Commits."""
    if not spans.is_on():
        return None
    change = TracedChange(claim.change_id, claim.enqueued_at, integration.property_id, integration.account_id)
    number = claim.attempts + claim.postponements + 1
    # Before the first there is none to look for. That of a change that was put back is not the first, and has
    # its outcome unknown.
    may_be_retry = number > 1 or claim.outcome_unknown
    earlier = queue.earlier_claim(connection, claim) if may_be_retry else None
    return Attempt(change, claim.lease_token, number, earlier)


def log_keys(claim: Claim, attempt: Attempt | None) -> dict[str, str]:
    """What each line of the log has while a claim is delivered."""
    change = {"change_id": str(claim.change_id)}
    return change if attempt is None else {**change, **attempt.log_keys}


def tell_statuses(statuses: StatusMap, old: str | None, new: str | None) -> None:
    """Tells the attempt under way which way its change goes, in the words of the map: what the application
    wrote beside them is nobody's business."""
    if spans.is_on():
        spans.statuses(_known(statuses, old), _known(statuses, new))


def ended(attempt: Attempt | None, result: DeliveryResult) -> None:
    """Tells an attempt how it ended."""
    if attempt is None:
        return
    attempt.result, attempt.outcome, attempt.state = result.result, result.outcome, result.state
    if result.error is not None:
        attempt.error, attempt.http_status = result.error.kind, result.error.http_status
    else:
        attempt.error = result.outcome if result.fault or result.result == "failed" else None
    attempt.is_last = result.result in _SETTLED


def _known(statuses: StatusMap, status: str | None) -> str | None:
    known = statuses.lead_status(status)
    return known.value if known is not None else None if status is None else _OTHER
