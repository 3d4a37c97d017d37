"""The report: one page for a leasing manager, and its weekly sending."""

import os
from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from domiq_dagster.assets.catalogue import OWNERS, explained_in
from domiq_dagster.assets.status_sync_daily import status_sync_daily
from domiq_dagster.assets.tables import table_unless_empty
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource
from domiq_dagster.sync.report.collect import LONGEST_DAYS, Report, collect
from domiq_dagster.sync.report.page import headline, page
from domiq_dagster.sync.report.weekly import Sent, enqueue_reports
from domiq_dagster.wiring import report_file, report_links


class ReportConfig(dg.Config):
    """Of which days the report is, and whether those who asked get it."""

    days: int = Field(default=7, ge=1, le=LONGEST_DAYS, description="So many days, today among them.")
    send: bool = Field(
        default=False,
        description="Put it into the outbox for those who asked by a preference: status_type sync_report.",
    )


@dg.asset(
    # Of whatever days there are: what was not counted is counted for the page.
    deps=[dg.AssetDep(status_sync_daily, partition_mapping=dg.AllPartitionMapping())],
    group_name="record",
    owners=OWNERS,
    kinds={"pandas", "html"},
    tags={"direction": "both", "writes_to": "people"},
    metadata=explained_in("status_sync_report"),
)
@told_without_values
def status_sync_report(
    context: dg.AssetExecutionContext, config: ReportConfig, domiq: DomiqResource
) -> Iterator[dg.MaterializeResult[None]]:
    """One HTML page for a leasing manager: are we in step, which leads wait for me, how fast it goes, how the
    week was; `report.html` in the state directory.

    **From** the daily figures, and how things stand just now. On Mondays those who asked get it: rows of
    status_notification_preferences with the status_type `sync_report`.

    **Red**: the page could not be made.

    **Then** `domiq-sync report` makes it by hand and says why not."""
    links, path = report_links(os.environ), report_file(os.environ)
    with domiq.engine() as engine:
        with engine.connect() as connection:
            report = collect(connection, days=config.days)
        sent = enqueue_reports(engine, links, days=config.days) if config.send else Sent()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(report, links), encoding="utf-8")
    for problem in sent.problems:
        context.log.warning(problem)
    yield dg.MaterializeResult(
        metadata={**report_metadata(report), "path": dg.MetadataValue.path(path), "sent": sent.notices}
    )


def report_metadata(report: Report) -> dict[str, Any]:
    """The page's figures. What nobody can tell is left out."""
    told = {
        "in_step": report.in_step_percent,
        "success_rate": report.flow.success_rate,
        "within_10s": report.flow.within_10s,
        "within_1min": report.flow.within_1min,
    }
    return {
        "headline": headline(report),
        "waiting": len(report.waiting),
        "changes": report.flow.sum("changes"),
        "failed": report.flow.sum("failed"),
        "diverged": sum(report.diverged),
        "requests": report.flow.sum("requests"),
        "throttled": report.flow.sum("throttled"),
        **{name: round(value, 2) for name, value in told.items() if value is not None},
        **table_unless_empty(
            "by_property",
            [
                {
                    "property": p.key,
                    "in_step": "" if p.in_step_percent is None else f"{p.in_step_percent:.1f} %",
                    "waiting": p.waiting,
                    "changes": p.flow.sum("changes"),
                    "failed": p.flow.sum("failed"),
                    "trouble": p.trouble or "",
                }
                for p in report.properties
            ],
        ),
    }
