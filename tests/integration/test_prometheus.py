"""deploy/prometheus and deploy/grafana by Prometheus itself: the rules open when they should, and each query
has a series once a worker is scraped."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.prometheus import PROGRAM, PROMTOOL, Prometheus, prometheus
from tests.fixtures.world import World
from tests.integration.cli.test_worker import ready, worker

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/domiq-sync.json"
_SCRAPED_SECONDS = 120
_METRIC = re.compile(r"\bdomiq_sync_\w+")

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
needs_prometheus = pytest.mark.skipif(PROGRAM is None, reason="prometheus is not installed")


def promtool(*arguments: str) -> str:
    """Runs it; what it does not like is an AssertionError."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def queries() -> list[str]:
    """The dashboard's, with the width of a rate that Grafana would put in."""
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    return [query.replace("$__rate_interval", "1m") for query in found]


@needs_promtool
def test_the_rules_are_valid_and_open_when_they_should() -> None:
    alerts = len(re.findall(r"- alert: ", RULES.read_text()))
    assert f"{alerts} rules found" in promtool("check", "rules", str(RULES))
    assert "SUCCESS" in promtool("test", "rules", str(RULES.with_name("alerts_test.yaml")))


@pytest.fixture
def scraped(world: World, tmp_path: Path) -> Iterator[Prometheus]:
    """A worker's figures, which pushes a change meanwhile."""
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    home, data = tmp_path / "home", tmp_path / "prometheus"
    home.mkdir()
    data.mkdir()
    with worker(world, home) as (process, url):
        ready(process, url)
        world.change(conversation, status="qualified")
        with prometheus(data, url.removeprefix("http://"), RULES) as found:
            yield found


@pytest.mark.slow
@needs_prometheus
def test_each_query_of_the_dashboard_and_each_metric_of_an_alert_has_a_series(scraped: Prometheus) -> None:
    asked = {*queries(), *_METRIC.findall(re.sub(r"(?m)^\s*#.*$", "", RULES.read_text()))}
    assert len(asked) > 30
    lacking, until = set(asked), time.monotonic() + _SCRAPED_SECONDS
    while lacking:
        lacking = {query for query in lacking if not scraped.series(query)}
        assert not lacking or time.monotonic() < until, sorted(lacking)
        time.sleep(0.5)
    # none of the labels that a series has beside Prometheus's own
    labels = {name for found in scraped.series('{__name__=~"domiq_sync_.*"}') for name in found["metric"]}
    assert labels - {"__name__", "instance", "job", "le"} == {"account", "api", "kind", "outcome", "result"}
