"""The README's tour, in Dagster's UI: what a newcomer sees of the made-up world, what it looks like when
something is broken, and that its advice mends it. `--pictures docs/pictures` makes the README's pictures."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.pages import PATIENCE_MS, OpenPage, Pictures, Scheme, Width
from tests.e2e.dev_program import OURS, PROGRAM, PROPERTIES, Dev, home

pytestmark = [pytest.mark.slow, pytest.mark.browser]
ASSETS = {
    "sources": ["property", "conversation", "prospects"],
    "inbound": ["resman_leads", "inbound_status_changes"],
    "outbound": ["conversation_status_pushes"],
    "record": [
        "status_sync_log",
        "status_sync_success_rate",
        "status_workflow_actions",
        "status_notifications",
        "status_sync_daily",
        "status_sync_report",
    ],
}
MADE = [asset for group, assets in ASSETS.items() if group != "sources" for asset in assets]
PAGE = "status_sync_report"
UNCHECKED = {"status_sync_daily"}
SHOWN = {
    "refuse": ("status_sync_success_rate", "failed_sync_threshold", "domiq-sync retry --property"),
    "conflict": ("conversation_status_pushes", "conflicts_waiting", "domiq-sync conflicts"),
    "diverge": ("inbound_status_changes", "divergence", "domiq-sync sync"),
    "rule": ("status_workflow_actions", "rules_valid", "domiq-sync rules check"),
    "notice": ("status_notifications", "notifications_delivered", "domiq-sync notifications"),
    "outage": ("resman_leads", "pull_gaps", "domiq-sync doctor"),
}
"""By what is broken: the asset, its check, and the command that its advice names."""
MENDED_BY = {"diverge": "reconcile_pending"}
"""Of what a job mends: the job, to which its check links."""
DETAIL = {"x": 535, "y": 105, "width": 905, "height": 620}
"""Of a check's page, what it says."""
RUNS = "{ runsOrError(limit: 20) { ... on Runs { results { status } } } }"
NOT_GREEN = re.compile(r"^(Failed|Warning)$")


class Tour:
    """A `dev` that runs, and the second terminal beside it."""

    def __init__(self, dev: Dev) -> None:
        self.dev = dev
        self.ui = f"http://127.0.0.1:{dev.port}"

    def say(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """`domiq-sync` in the second terminal."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        return subprocess.run(
            [PROGRAM, *words],
            env={**clean, "DOMIQ_HOME": str(self.dev.home), **(env or {})},
            capture_output=True,
            text=True,
            timeout=240,
        )

    def break_it(self, name: str) -> None:
        done = self.say("dev", "--break", name)
        assert done.returncode == 0, done.stderr + self.dev.said()[-2000:]
        _, check, _ = SHOWN[name]
        assert f"checkDetail={check}" in done.stdout, done.stdout

    def mend(self) -> dict[str, Any]:
        done = self.say("dev", "--mend", "--json")
        assert done.returncode == 0, done.stdout + done.stderr + self.dev.said()[-2000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def check_url(self, name: str) -> str:
        asset, check, _ = SHOWN[name]
        return f"{self.ui}/assets/{asset}?view=checks&checkDetail={check}"


@pytest.fixture(scope="module")
def tour(browser: Any) -> Iterator[Tour]:
    """One world for all of them, once its leads are linked and the runs that it begins with are over."""
    with home() as directory:
        dev = Dev(directory, "", size=("--conversations", "600", "--prospects", "450"))
        try:
            dev.until("ready", lambda: "Ready." in dev.said(), 240)
            with dev.database() as database:
                never = "SELECT count(*) FROM domiq_sync.integration LEFT JOIN domiq_sync.watermark USING "
                never += "(property_id) WHERE last_pull_at IS NULL"
                dev.until("all were pulled", lambda: database.execute(never).fetchone() == {"count": 0}, 120)
            dev.until("the first runs are over", lambda: _are_over(dev), 240)
            tour = Tour(dev)
            tour.mend()  # decides the conflicts that it begins with, and looks at each check
            yield tour
        finally:
            dev.end()


def _are_over(dev: Dev) -> bool:
    """Whether there were runs, and none is under way: while one is, its checks show nothing."""
    url = f"http://127.0.0.1:{dev.port}/graphql"
    answer = dev.http.post(url, json={"query": RUNS}, timeout=30).json()
    found = {run["status"] for run in answer["data"]["runsOrError"]["results"]}
    return bool(found) and found <= {"SUCCESS", "FAILURE", "CANCELED"}


@pytest.mark.parametrize("asset", MADE)
def test_an_assets_page_says_what_it_is_and_has_its_schema_plots_and_checks(
    asset: str, tour: Tour, open_page: OpenPage
) -> None:
    page = open_page(f"{tour.ui}/assets/{asset}")
    for part in ("From", "Red", "Then"):
        page.get_by_text(part, exact=True).first.wait_for()
    if asset == PAGE:
        return  # which has no table
    page.get_by_text("Column name", exact=True).wait_for()
    assert page.locator("tbody tr").count() > 1
    if asset in UNCHECKED:
        return
    page.goto(f"{tour.ui}/assets/{asset}?view=checks")
    page.get_by_text("Latest execution", exact=True).wait_for()
    page.get_by_text(re.compile(r"^(Passed|Failed|Warning)$")).first.wait_for(timeout=3 * PATIENCE_MS)
    page.get_by_text("Plots", exact=True).wait_for()
    page.locator("canvas").first.wait_for()


def test_a_backfill_of_all_properties_is_launched_in_the_ui_and_ends(tour: Tour, open_page: OpenPage) -> None:
    page = open_page(f"{tour.ui}/assets/resman_leads?view=partitions")
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("All", exact=True).click()
    dialog.get_by_text(f"{PROPERTIES} partitions selected").wait_for()
    dialog.get_by_role("button", name="Launch backfill").click()
    dialog.wait_for(state="hidden")
    page.goto(f"{tour.ui}/runs?view=backfills")
    page.get_by_text(f"{PROPERTIES} partitions").first.wait_for()
    page.get_by_text("Success", exact=True).first.wait_for(timeout=3 * PATIENCE_MS)


@pytest.mark.parametrize("name", ["conflict", "diverge", "rule", "notice"])
def test_what_is_broken_shows_with_what_to_do(
    name: str, tour: Tour, open_page: OpenPage, pictures: Pictures
) -> None:
    tour.break_it(name)
    page = open_page(tour.check_url(name))
    page.get_by_text(NOT_GREEN).first.wait_for()
    page.get_by_text(SHOWN[name][2]).first.wait_for()
    pictures.take(page, f"break-{name}", **DETAIL)
    if job := MENDED_BY.get(name):
        page.get_by_role("link", name=job).click()
        page.get_by_text("Launchpad", exact=True).first.wait_for()


def test_a_red_check_leads_by_its_advice_to_its_remedy_and_turns_green(
    tour: Tour, open_page: OpenPage, pictures: Pictures
) -> None:
    tour.break_it("refuse")
    page = open_page(tour.check_url("refuse"))
    page.get_by_text(NOT_GREEN).first.wait_for()
    pictures.take(page, "break-refuse", **DETAIL)
    listed = tour.say(*_command(page, "failures").split())
    assert "closed for new events" in listed.stdout, listed.stdout + listed.stderr

    tour.dev.control("faults", {"faults": []})  # as ResMan's support would
    done = tour.say(*_command(page, "retry").split())
    assert "12" in done.stdout, done.stdout + done.stderr
    with tour.dev.database() as database:
        failed = "SELECT count(*) FROM status_sync_log WHERE sync_status = 'failed'"
        tour.dev.until("all went", lambda: database.execute(failed).fetchone() == {"count": 0}, 60)
    page.get_by_role("button", name=re.compile(r"Execute$")).click()
    page.get_by_text("Passed", exact=True).first.wait_for()


def _command(page: Any, name: str) -> str:
    """The words of a command of `domiq-sync` that the page names."""
    said = page.get_by_text(f"domiq-sync {name}").first.inner_text()
    found = re.search(rf"domiq-sync ({name} --property [\w-]+)", said)
    assert found, said
    return found[1]


def test_what_was_broken_is_green_once_it_is_mended_and_mending_again_finds_nothing(
    tour: Tour, open_page: OpenPage
) -> None:
    tour.break_it("rule")

    tour.mend()

    again = tour.mend()
    assert again["done"] == ["Nothing was broken.", "All checks are green."]
    for name in SHOWN:
        page = open_page(tour.check_url(name))
        page.get_by_text("Passed", exact=True).first.wait_for()


@pytest.mark.parametrize("width", ["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_renders_at_any_width_in_light_and_dark(
    width: Width, scheme: Scheme, tour: Tour, open_page: OpenPage, tmp_path: Path, pictures: Pictures
) -> None:
    """From a file, as a mail has it: nothing is loaded from anywhere, and nothing sticks out sideways."""
    done = tour.say("report", "--out", str(tmp_path / "report.html"))
    assert done.returncode == 0, done.stderr
    page = open_page((tmp_path / "report.html").as_uri(), width=width, scheme=scheme)
    page.get_by_role("heading", level=1).first.wait_for()
    assert page.locator("svg").count() > 0
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    asked = "performance.getEntriesByType('resource').length + document.scripts.length"
    assert page.evaluate(asked) == 0
    behind = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", behind)[:3])
    assert (red + green + blue < 3 * 128) == (scheme == "dark")
    pictures.take(page, f"report-{width}-{scheme}")


def test_the_lineage_shows_every_asset_from_left_to_right(
    tour: Tour, open_page: OpenPage, pictures: Pictures
) -> None:
    page = open_page(f"{tour.ui}/asset-groups", size=(2600, 1100))
    page.get_by_text("sources", exact=True).last.wait_for()
    page.get_by_text("Jump to").or_(page.get_by_placeholder("Jump to")).first.wait_for()
    page.locator("svg foreignObject").first.wait_for()
    page.keyboard.press("Alt+KeyE")  # expands all groups
    for assets in ASSETS.values():
        for asset in assets:
            page.get_by_text(asset, exact=True).last.wait_for()
    first = [page.get_by_text(assets[0], exact=True).last.bounding_box()["x"] for assets in ASSETS.values()]
    assert first == sorted(first)
    page.get_by_text("Loading...").first.wait_for(state="hidden")
    pictures.take(page, "lineage", x=540, y=110, width=2000, height=880)


def test_an_outage_shows_and_ends_by_itself(tour: Tour, open_page: OpenPage, pictures: Pictures) -> None:
    tour.break_it("outage")
    page = open_page(tour.check_url("outage"))
    page.get_by_text(NOT_GREEN).first.wait_for()
    page.get_by_text(SHOWN["outage"][2]).first.wait_for()
    pictures.take(page, "break-outage", **DETAIL)

    tour.mend()

    page.reload()
    page.get_by_text("Passed", exact=True).first.wait_for()
