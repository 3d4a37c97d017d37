"""docs/metrics.md has each metric that a worker tells, and the alerts and the dashboard ask for no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine

from domiq_dagster.sync.delivery.outcomes import DeliveryResult
from domiq_dagster.sync.service.database_figures import FIGURES, OF_PROPERTIES, DatabaseFigures
from domiq_dagster.sync.service.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/metrics.md"
RUNBOOK = ROOT / "docs/runbook.md"
RULES = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/domiq-sync.json"
_ROW = re.compile(r"(?m)^\| `(domiq_sync_\w+)` \| (.*?) \| (\w+) \| (.*) \|$")
_USED = re.compile(r"\bdomiq_sync_\w+")

Described = tuple[frozenset[str], str, str]
"""A metric's labels, type and meaning."""


def written() -> dict[str, Described]:
    found = _ROW.findall(PAGE.read_text())
    assert len(found) == len({name for name, *_ in found})
    return {
        name: (frozenset(re.findall(r"`(\w+)`", labels)), kind, meaning)
        for name, labels, kind, meaning in found
    }


def told() -> Iterator[tuple[str, Described]]:
    """Each metric, its labels learnt from what a worker tells once it has done something."""
    metrics = Metrics()
    metrics.tell_readiness(lambda: True)
    metrics.delivered(DeliveryResult("success", "sent"), 0.1, datetime.now(UTC))
    metrics.pulled("news", 0.1)
    for family in text_string_to_metric_families(metrics.text().decode()):
        if family.name.endswith("_created"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        yield name, (frozenset(labels), family.type, family.documentation.rstrip("."))
    labels_of = {figure.name: frozenset(figure.labels) for figure in (*FIGURES, *OF_PROPERTIES)}
    figures = DatabaseFigures(create_engine("postgresql+psycopg://nowhere/none"), by_property=True)
    for described in figures.describe():
        name = f"{described.name}_total" if described.type == "counter" else described.name
        labels = labels_of.get(described.name, frozenset())
        yield name, (labels, described.type, described.documentation.rstrip("."))


def asked() -> set[str]:
    """The names in the alerts and in the dashboard, a histogram's without its endings."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    text = "\n".join([RULES.read_text(), *(t["expr"] for panel in panels for t in panel["targets"])])
    return {name.removesuffix("_bucket") for name in _USED.findall(text)}


def test_the_page_is_what_a_worker_tells() -> None:
    assert written() == dict(told())


def test_alerts_and_dashboard_ask_for_nothing_else() -> None:
    assert asked() <= set(written())


def test_each_panel_says_where_its_figures_come_from() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {"${datasource}"}
    assert [v["name"] for v in dashboard["templating"]["list"]] == ["datasource"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) > 10


@pytest.mark.parametrize("alert", re.findall(r"- alert: (\w+)", RULES.read_text()))
def test_each_alert_is_in_the_runbook(alert: str) -> None:
    assert f"| `{alert}` |" in RUNBOOK.read_text()


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"runbook\.html#([\w-]+)", RULES.read_text()))))
def test_each_link_of_an_alert_leads_to_a_heading_of_the_runbook(anchor: str) -> None:
    headings = re.findall(r"(?m)^#+ (.*)$", RUNBOOK.read_text())
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_each_alert_has_a_test_of_when_it_opens() -> None:
    tests = RULES.with_name("alerts_test.yaml").read_text()
    assert set(re.findall(r"- alert: (\w+)", RULES.read_text())) == set(
        re.findall(r'alertname="(\w+)"', tests)
    )
