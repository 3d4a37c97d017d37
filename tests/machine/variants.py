"""The engine, broken on purpose in one way each, so that tests can show the machine catching it.

Each takes a MonkeyPatch. What it replaces must be there: a variant that no longer breaks anything, since the
engine was rewritten, says so instead of passing for a working engine.
"""

from __future__ import annotations

import pytest
from sqlalchemy import text

from domiq_dagster.resman.errors import Disposition, ResManError, Scope
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.outcomes import Outcome, Postpone, Settle
from domiq_dagster.sync.delivery.resolving import Resolved
from domiq_dagster.sync.delivery.worker import DeliveryWorker
from domiq_dagster.sync.queue import queue

FREE_LANES = "DROP INDEX domiq_sync.delivery_one_in_flight"
"""For the database of `no_order`: the index alone would still forbid two changes of a lane in flight."""


def no_fencing(patch: pytest.MonkeyPatch) -> None:
    """Whoever once claimed a change may settle it, give it back and extend its lease, whoever has it now."""
    _replace(patch, "settle", " AND d.lease_token = given.lease_token", "")
    _replace(patch, "postpone", " AND lease_token = :lease_token", "")
    _replace(patch, "still_holds", " AND lease_token = :lease_token", "")
    _replace(patch, "note_posting", " AND lease_token = :lease_token", "")
    _replace(patch, "extend_leases", " AND d.lease_token = ANY (CAST(:lease_tokens AS bigint[]))", "")


def no_probe(patch: pytest.MonkeyPatch) -> None:
    """An unknown outcome and a lease that ran out are taken for a change that was never sent. Once a pair was
    agreed, nothing is read."""
    _replace(patch, "claim", "d.state AS found_state", "'ready' AS found_state")
    patch.setattr(Resolved, "may_undo", lambda *_: False)
    patch.setattr(
        Resolved,
        "must_be_read",
        lambda self, *_, **__: self.found is not None and self.change.agreed_resman_status is None,
    )


def no_order(patch: pytest.MonkeyPatch) -> None:
    """Claims whatever is due, the oldest first by created_at, and does not look at its conversation. Of the
    changes of one transaction, which share it, the last comes first: nothing says that it may not."""
    _replace(patch, "due_properties", " AND d.is_head", "")
    _replace(patch, "claim", " AND d.is_head", "")
    sql = queue.QUERIES.claim.text
    first, last = "AND CASE WHEN d.in_turn", "f.change_id <> d.change_id OFFSET 0) END"
    assert first in sql and last in sql, "the claim looks at lanes in another way now"
    _replace(patch, "claim", sql[sql.index(first) : sql.index(last) + len(last)], "")
    by_creation = "(SELECT g.created_at FROM public.status_sync_log g WHERE g.id = d.change_id)"
    _replace(patch, "claim", "ORDER BY d.next_attempt_at, d.seq", f"ORDER BY {by_creation}, d.seq DESC")


def no_look_aside(patch: pytest.MonkeyPatch) -> None:
    """A delivery in turn is claimed without a look at those of its lane that are not."""
    sql = queue.QUERIES.claim.text
    first, last = "NOT EXISTS (SELECT FROM domiq_sync.delivery o", "OR o.state = 'in_flight') OFFSET 0)"
    assert first in sql and last in sql, "the claim looks at lanes in another way now"
    _replace(patch, "claim", sql[sql.index(first) : sql.index(last) + len(last)], "TRUE")


def burnt_attempts(patch: pytest.MonkeyPatch) -> None:
    """Every error of ResMan's counts as an attempt, and the last one fails the change."""

    def after_error(self: DeliveryWorker, context: DeliveryContext, error: ResManError) -> Outcome:
        is_refused = error.disposition is Disposition.PERMANENT and error.scope is Scope.CHANGE
        if is_refused or context.claim.attempts + 1 >= self._rules.max_attempts:
            return Settle("failed", error.kind, str(error))
        return Postpone(error.kind, self._rules.first_pause, state="unknown", counted=True)

    assert callable(DeliveryWorker._after_error)
    patch.setattr(DeliveryWorker, "_after_error", after_error)


def _replace(patch: pytest.MonkeyPatch, query: str, old: str, new: str) -> None:
    sql = queue.QUERIES[query].text
    assert old in sql, f"{query} no longer says {old!r}: break it in another way"
    patch.setattr(queue.QUERIES, query, text(sql.replace(old, new)))
