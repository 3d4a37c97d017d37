"""The assets, a module per stop on the data's way. Thin: they call `sync` and say what it did.

A new asset is a module of its own, listed below; one that belongs to somebody else goes into `sources`.
What it says of itself beyond its work comes from `catalogue`, the columns of its table from `table_schemas`,
tables in its metadata from `tables`, what a dry run says from `dry_run`. Its checks belong in
`domiq_dagster.checks`, unless its own step has to evaluate them (`inbound_checks` says when).
"""

from typing import Any

import dagster as dg

from domiq_dagster.assets.conversation_status_pushes import conversation_status_pushes
from domiq_dagster.assets.inbound import inbound
from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.resman_leads import resman_leads
from domiq_dagster.assets.sources import all_sources
from domiq_dagster.assets.status_notifications import status_notifications
from domiq_dagster.assets.status_sync_daily import status_sync_daily
from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.assets.status_sync_report import status_sync_report
from domiq_dagster.assets.status_sync_success_rate import status_sync_success_rate
from domiq_dagster.assets.status_workflow_actions import status_workflow_actions

# Any: Dagster's type names kinds of assets that there are none of here, and does not export it.
all_assets: list[Any] = [
    *all_sources,
    *dg.with_source_code_references(
        [
            inbound,
            conversation_status_pushes,
            status_sync_log,
            status_sync_success_rate,
            status_workflow_actions,
            status_notifications,
            status_sync_daily,
            status_sync_report,
        ]
    ),
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
    "status_sync_report",
    "status_sync_success_rate",
    "status_workflow_actions",
]
