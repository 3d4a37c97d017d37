"""The success-rate view, read as it is and shown per property."""

from typing import Any

import dagster as dg
from sqlalchemy import Connection

from domiq_dagster.assets.catalogue import OWNERS, explained_in, stored_in
from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.assets.tables import frame_table
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource
from domiq_dagster.sync.monitoring.figures import success_rate_frame


@dg.asset(
    deps=[status_sync_log],
    group_name="record",
    owners=OWNERS,
    kinds={"pandas", "postgres", "view"},
    tags={"direction": "both", "writes_to": "nothing"},
    metadata={**stored_in("public.status_sync_success_rate"), **explained_in("status_sync_success_rate")},
)
@told_without_values
def status_sync_success_rate(domiq: DomiqResource) -> dg.MaterializeResult[None]:
    """The success rate by property: how many percent of its logged changes succeeded, how many failed.

    **From** the view status_sync_success_rate, over totals that are kept as the log is written.

    **Red**: a property fails too many of its recent changes, or the totals were off at the nightly count.

    **Then** `domiq-sync failures --property KEY` names the reason; once it is mended, `domiq-sync retry`."""
    with domiq.engine() as engine, engine.connect() as connection:
        return dg.MaterializeResult(metadata=rate_metadata(connection))


def rate_metadata(connection: Connection) -> dict[str, Any]:
    """The view, as figures."""
    frame = success_rate_frame(connection)
    metadata: dict[str, Any] = {
        "properties": len(frame),
        "dagster/row_count": len(frame),
        "failed_status_updates": int(frame["failed_status_updates"].sum()),
        "by_property": frame_table(frame),
    }
    if len(frame):
        metadata["lowest_success_rate"] = round(float(frame["sync_success_rate"].min()), 2)
    return metadata
