"""The assets, one module per stop on the data's way. Thin: they call `sync` and say what it did."""

import warnings

from dagster import AssetsDefinition, AssetSpec, BetaWarning

# backfill_policy has been beta for two years, and one run for many partitions hangs on it. The filter
# must stand before the assets are imported.
warnings.filterwarnings("ignore", message=".*backfill_policy", category=BetaWarning)


from domiq_dagster.assets.conversation_status_pushes import conversation_status_pushes  # noqa: E402
from domiq_dagster.assets.inbound import inbound  # noqa: E402
from domiq_dagster.assets.inbound_status_changes import inbound_status_changes  # noqa: E402
from domiq_dagster.assets.resman_leads import resman_leads  # noqa: E402
from domiq_dagster.assets.sources import all_sources  # noqa: E402
from domiq_dagster.assets.status_notifications import status_notifications  # noqa: E402
from domiq_dagster.assets.status_sync_daily import status_sync_daily  # noqa: E402
from domiq_dagster.assets.status_sync_log import status_sync_log  # noqa: E402
from domiq_dagster.assets.status_sync_success_rate import status_sync_success_rate  # noqa: E402
from domiq_dagster.assets.status_workflow_actions import status_workflow_actions  # noqa: E402

all_assets: list[AssetsDefinition | AssetSpec] = [
    *all_sources,
    inbound,
    conversation_status_pushes,
    status_sync_log,
    status_sync_success_rate,
    status_workflow_actions,
    status_notifications,
    status_sync_daily,
]

__all__ = [
    "all_assets",
    "conversation_status_pushes",
    "inbound",
    "inbound_status_changes",
    "resman_leads",
    "status_notifications",
    "status_sync_daily",
    "status_sync_log",
    "status_sync_success_rate",
    "status_workflow_actions",
]
