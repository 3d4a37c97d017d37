"""domiq-sync report: the page as a file, and its figures as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.commands import Run
from tests.fixtures.world import World


def test_the_page_is_written_and_its_figures_are_one_object(
    run: Run, world: World, env: dict[str, str], tmp_path: Path
) -> None:
    flats = world.property(0, conflict_policy="manual_review")
    lead = world.lead(email="a@example.com")
    chat = world.conversation(flats, "contacted", email="a@example.com")
    world.sync()
    world.change(chat, status="tour_scheduled")
    world.standin.edit(lead["prospectId"], status="Lost")
    world.sync()
    out = tmp_path / "week.html"
    links = {"RESMAN_LINK_URL": "https://resman.example.com/{prospect_id}"}

    done = run("report", "--out", out, "--json", **env, **links)

    assert done.code == 0
    assert (done.result["out"], done.result["waiting"]) == (str(out), 1)
    assert done.result["waiting_by_kind"] == {"conflict": 1}
    assert done.result["leads"][0]["lead"] == lead["prospectId"]
    assert done.result["headline"] == "1 lead waits for you, and 0 % of the leads are in step."
    html = out.read_text()
    assert f'href="https://resman.example.com/{lead["prospectId"]}"' in html
    said = run("report", "--property", "juniper-flats", "--since", "3d", **env)
    assert f"The page: {tmp_path / 'report.html'}\n" in said.out
    assert (tmp_path / "report.html").read_text().count("<code>") == 1


@pytest.mark.parametrize("since", ["93d", "2020-01-01", "0d", "12h", "3000-01-01"])
def test_a_range_that_no_report_has_is_refused(run: Run, env: dict[str, str], since: str) -> None:
    assert "A report is of 1 to 92 days" in run("report", "--since", since, **env).sentence


def test_one_day_is_today(run: Run, world: World, env: dict[str, str]) -> None:
    world.property(0)
    found = run("report", "--since", "1d", "--json", **env).result
    assert found["first"] == found["last"]
    week = run("report", "--json", **env).result
    assert week["first"] < week["last"]


def test_what_cannot_be_written_or_linked_is_said_in_a_sentence(
    run: Run, world: World, env: dict[str, str], tmp_path: Path
) -> None:
    world.property(0)
    nowhere = run("report", "--out", tmp_path / "no" / "where.html", **env)
    assert "is no directory: make it" in nowhere.sentence
    bad = run("report", **env, RESMAN_LINK_URL="resman.example.com")
    assert bad.sentence.startswith("RESMAN_LINK_URL must be a web address with {prospect_id}")
    assert "No connected property is called x." in run("report", "--property", "x", **env).sentence
