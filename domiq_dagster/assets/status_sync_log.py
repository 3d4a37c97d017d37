"""The audit log: every change of either side, with how it ended."""

from typing import Any

import dagster as dg
from sqlalchemy import Connection

from domiq_dagster.assets.catalogue import OWNERS, explained_in, stored_in
from domiq_dagster.assets.conversation_status_pushes import conversation_status_pushes
from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.tables import frame_table
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.monitoring.backlog import queue_depth
from domiq_dagster.sync.monitoring.figures import log_totals_frame


@dg.asset(
    deps=[conversation_status_pushes, inbound_status_changes],
    group_name="record",
    owners=OWNERS,
    kinds={"postgres", "table"},
    tags={"direction": "both", "writes_to": "nothing"},
    metadata={**stored_in("public.status_sync_log"), **explained_in("status_sync_log")},
)
@told_without_values
def status_sync_log(domiq: DomiqResource) -> dg.MaterializeResult[None]:
    """The audit log: every status change of either side, with how it ended; counted by direction and status.

    **From** a trigger on conversation (to_resman) and from what pulls apply (from_resman).

    **Red**: a change could not be logged when it was made, pending changes and deliveries do not match, or
    Dagster's own event log grows fast.

    **Then** the check names the command; the job `reconcile_pending` mends what can be mended."""
    with domiq.engine() as engine:
        log_totals.keep(engine)
        with engine.connect() as connection:
            return dg.MaterializeResult(metadata=log_metadata(connection))


def log_metadata(connection: Connection) -> dict[str, Any]:
    """The changes of the log by direction and status."""
    frame = log_totals_frame(connection)
    by_status = frame.groupby("sync_status", dropna=False)["changes"].sum()
    changes = int(frame["changes"].sum())
    succeeded = frame[frame["sync_status"] == "success"].groupby("sync_direction")["changes"].sum()
    depth = queue_depth(connection)
    return {
        "changes": changes,
        "dagster/row_count": changes,
        **{status: int(by_status.get(status, 0)) for status in ("pending", "success", "failed")},
        "pushed": int(succeeded.get("to_resman", 0)),
        "applied": int(succeeded.get("from_resman", 0)),
        "oldest_pending_seconds": round(depth.oldest_seconds, 1),
        **({"success_rate": round(100.0 * int(by_status.get("success", 0)) / changes, 3)} if changes else {}),
        "by_direction": frame_table(frame),
    }
