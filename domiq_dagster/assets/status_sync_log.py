"""The audit log: every change of either side, with how it ended."""

import dagster as dg

from domiq_dagster.assets.catalogue import OWNERS, stored_in
from domiq_dagster.assets.conversation_status_pushes import conversation_status_pushes
from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.tables import frame_table
from domiq_dagster.resources import DomiqResource
from domiq_dagster.sync.monitoring.figures import log_totals_frame


@dg.asset(
    deps=[conversation_status_pushes, inbound_status_changes],
    group_name="record",
    owners=OWNERS,
    kinds={"postgres", "table"},
    tags={"direction": "both", "writes_to": "nothing"},
    metadata=stored_in("public.status_sync_log"),
)
def status_sync_log(domiq: DomiqResource) -> dg.MaterializeResult[None]:
    """The table status_sync_log, counted by direction and status."""
    with domiq.engine() as engine, engine.connect() as connection:
        frame = log_totals_frame(connection)
    by_status = frame.groupby("sync_status", dropna=False)["changes"].sum()
    return dg.MaterializeResult(
        metadata={
            "changes": int(frame["changes"].sum()),
            **{status: int(by_status.get(status, 0)) for status in ("pending", "success", "failed")},
            "by_direction": frame_table(frame),
        }
    )
