"""The audit log: every change of either side, with how it ended."""

from typing import Any

import dagster as dg
from sqlalchemy import Connection

from domiq_dagster.assets.catalogue import OWNERS, stored_in
from domiq_dagster.assets.conversation_status_pushes import conversation_status_pushes
from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.tables import frame_table
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.monitoring.figures import log_totals_frame


@dg.asset(
    deps=[conversation_status_pushes, inbound_status_changes],
    group_name="record",
    owners=OWNERS,
    kinds={"postgres", "table"},
    tags={"direction": "both", "writes_to": "nothing"},
    metadata=stored_in("public.status_sync_log"),
)
@told_without_values
def status_sync_log(domiq: DomiqResource) -> dg.MaterializeResult[None]:
    """The table status_sync_log, counted by direction and status."""
    with domiq.engine() as engine:
        log_totals.keep(engine)
        with engine.connect() as connection:
            return dg.MaterializeResult(metadata=log_metadata(connection))


def log_metadata(connection: Connection) -> dict[str, Any]:
    """The changes of the log by direction and status."""
    frame = log_totals_frame(connection)
    by_status = frame.groupby("sync_status", dropna=False)["changes"].sum()
    return {
        "changes": int(frame["changes"].sum()),
        **{status: int(by_status.get(status, 0)) for status in ("pending", "success", "failed")},
        "by_direction": frame_table(frame),
    }
