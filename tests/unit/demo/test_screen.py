"""The screen of `dev`, and what can be broken in its world."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from domiq_dagster.cli.dev import Breakage
from domiq_dagster.demo.breaks import BREAKS
from domiq_dagster.demo.screen import Signpost, State, draw
from domiq_dagster.demo.steering import CHECKS
from domiq_dagster.runtime.dev_home import Broken

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_it_shows_where_everything_is_how_it_stands_and_the_last_changes_both_ways() -> None:
    changes: Any = [
        _change("to_resman", "new", "[red]qualified", "pending"),
        _change("from_resman", None, "lost", "success"),
    ]
    broken = [Broken("refuse", "juniper-flats", NOW - timedelta(minutes=3))]
    shown = _shown(State({"pending": 1, "failed": 0}, changes, broken))
    assert "http://127.0.0.1:3000" in shown
    assert "1 pending  0 failed" in shown
    assert re.search(r"DomIQ → ResMan +juniper-flats +new → \[red\]qualified +pending", shown)
    assert re.search(r"ResMan → DomIQ +juniper-flats +\(none\) → lost +success", shown)
    assert re.search(r"Broken on purpose: refuse \(3 min.*domiq-sync dev --mend", shown)


def test_a_world_without_a_change_says_so() -> None:
    shown = _shown(State({"pending": 0}, [], []))
    assert "No change yet." in shown
    assert "Broken" not in shown


def test_whatever_can_be_broken_has_its_option_and_the_check_that_shows_it() -> None:
    assert {str(one) for one in Breakage} == set(BREAKS) == set(CHECKS)


def _shown(state: State) -> str:
    console = Console(width=110, record=True, file=None, force_terminal=False)
    with console.capture() as caught:
        console.print(draw([Signpost("Dagster", "http://127.0.0.1:3000")], state, NOW))
    return caught.get()


def _change(way: str, old: str | None, new: str, settled: str) -> SimpleNamespace:
    return SimpleNamespace(
        logged_at=NOW,
        sync_direction=way,
        property="juniper-flats",
        old_status=old,
        new_status=new,
        sync_status=settled,
    )
