"""The report: its figures as plain values, and the few lines that say where the page is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.sync.report.collect import Report
from domiq_dagster.sync.report.page import headline


def report_result(report: Report, out: Path) -> dict[str, Any]:
    """What the page shows, in short. Percentages are None where there is nothing to tell of."""
    return {
        "ok": True,
        "out": str(out.absolute()),
        "headline": headline(report),
        "first": report.first,
        "last": report.last,
        "in_step": _rounded(report.in_step_percent),
        "compared": report.compared,
        "waiting": len(report.waiting),
        "waiting_by_kind": dict(Counter(w.kind for w in report.waiting)),
        "leads": [
            {
                "property": w.partition_key,
                "kind": w.kind,
                "lead": w.prospect_id,
                "conversation": w.conversation_id,
                "since": w.since,
            }
            for w in report.waiting
        ],
        "changes": report.flow.sum("changes"),
        "failed": report.flow.sum("failed"),
        "success_rate": _rounded(report.flow.success_rate),
        "within_10s": _rounded(report.flow.within_10s),
        "within_1min": _rounded(report.flow.within_1min),
        "diverged": sum(report.diverged),
        "requests": report.flow.sum("requests"),
        "throttled": report.flow.sum("throttled"),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def print_report(result: Mapping[str, Any]) -> None:
    console = make_console()
    console.print(escape(result["headline"]))
    console.print(f"The page: {escape(result['out'])}")
