"""`domiq-sync dev --break` and `--mend`: the world of a running `dev` from another terminal, and what
Dagster's checks then say, at once and not only when their sensor comes round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import dagster as dg
from sqlalchemy import Engine

from domiq_dagster.assets.inbound_checks import INBOUND_CHECKS, inbound_words
from domiq_dagster.check_clock import tell_news
from domiq_dagster.checks import check_results
from domiq_dagster.demo.breaks import BREAKS, World, mend
from domiq_dagster.demo.run import surroundings
from domiq_dagster.demo.stage import is_made_up
from domiq_dagster.resources import LimitsResource, ThresholdResource
from domiq_dagster.runtime.dev_home import DAGSTER_UI, CannotBreak, running_environment
from domiq_dagster.wiring import open_engine

CHECKS: Final[Mapping[str, str]] = {
    "refuse": "failed_sync_threshold",
    "outage": "pull_gaps",
    "conflict": "conflicts_waiting",
    "diverge": "divergence",
    "rule": "rules_valid",
    "notice": "notifications_delivered",
}
"""The check that shows each."""


@dataclass(frozen=True, slots=True)
class Steered:
    """What was done, for people, and the checks that are not green now, by name with what they say."""

    lines: list[str]
    not_green: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return {"ok": not self.not_green, "done": self.lines, "not_green": self.not_green}


def break_it(home: Path, name: str) -> Steered:
    """Breaks one of `BREAKS` in the world that runs in `home`, and says where it shows.

    Raises:
        NotRunning: nothing runs there.
        CannotBreak: it did not break, or is not the demo's to break.
    """
    with _world(home) as (world, instance, ui):
        said = BREAKS[name](world)
        results = _look(instance, world.engine)
    red = _not_green(results)
    lines = [said]
    for key, result in results.items():
        if key.name == CHECKS[name] and not result.passed:
            lines += [f"Check {key.name}: {result.description}", f"See it at {_url(ui, key)}"]
    return Steered([*lines, "To mend it: domiq-sync dev --mend"], red)


def mend_all(home: Path, *, by: str) -> Steered:
    """Mends whatever is broken in the world that runs in `home`.

    Raises:
        NotRunning: nothing runs there.
        CannotBreak: something does not settle.
    """
    with _world(home) as (world, instance, _):
        done = mend(world, by)
        results = _look(instance, world.engine)
    red = _not_green(results)
    end = [f"Check {name} is not green: {why}" for name, why in red.items()] or ["All checks are green."]
    return Steered([*(done or ["Nothing was broken."]), *end], red)


@contextmanager
def _world(home: Path) -> Iterator[tuple[World, dg.DagsterInstance, str]]:
    env = running_environment(home)
    with surroundings(env), open_engine(env["DOMIQ_DATABASE_URL"]) as engine:
        if not is_made_up(engine):
            raise CannotBreak(
                "The database that dev.env leads to is not the demo's: nothing was done. End dev and start "
                "it again."
            )
        with dg.DagsterInstance.get() as instance:
            yield World(engine, env["RESMAN_V2_URL"], home), instance, env[DAGSTER_UI]


def _look(instance: dg.DagsterInstance, engine: Engine) -> dict[dg.AssetCheckKey, dg.AssetCheckResult]:
    """Evaluates each check, and tells Dagster what is news."""
    limits = LimitsResource()
    found = check_results(engine, instance, ThresholdResource(), limits)
    found |= inbound_words(engine, limits, [spec.key for spec in INBOUND_CHECKS])
    tell_news(instance, found, datetime.now(UTC))
    return found


def _not_green(results: Mapping[dg.AssetCheckKey, dg.AssetCheckResult]) -> dict[str, str]:
    return {key.name: result.description or "" for key, result in results.items() if not result.passed}


def _url(ui: str, key: dg.AssetCheckKey) -> str:
    return f"{ui}/assets/{'/'.join(key.asset_key.path)}?view=checks&checkDetail={key.name}"
