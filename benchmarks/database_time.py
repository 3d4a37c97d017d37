"""How much of the database's time one pushed change costs, and whether that grows with the log.

One JSON line: the time that a push's connections wait for PostgreSQL, statements and commits together,
per change, with `--small` and with `--large` settled changes in the log. The stand-in answers at once. The
two are measured in turns, several times, and the median of each is given; `ratio` is large over small.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from contextlib import ExitStack
from typing import Any

from sqlalchemy import Engine, event, text
from world import World, fill, history, world

from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.delivery.push import PushOptions, push


class Stopwatch:
    """Adds up what statements, commits and rollbacks of an engine take, in seconds."""

    def __init__(self, engine: Engine) -> None:
        self.seconds = 0.0
        event.listen(engine, "before_cursor_execute", self._begin)
        event.listen(engine, "after_cursor_execute", self._end)
        for name in ("do_commit", "do_rollback"):
            setattr(engine.dialect, name, self._timed(getattr(engine.dialect, name)))

    def _begin(
        self, connection: Any, cursor: Any, statement: Any, values: Any, context: Any, many: Any
    ) -> None:
        context.began = time.perf_counter()

    def _end(
        self, connection: Any, cursor: Any, statement: Any, values: Any, context: Any, many: Any
    ) -> None:
        self.seconds += time.perf_counter() - context.began

    def _timed(self, call: Any) -> Any:
        def timed(connection: Any) -> None:
            began = time.perf_counter()
            call(connection)
            self.seconds += time.perf_counter() - began

        return timed


def per_change(w: World, watch: Stopwatch, changes: int) -> float:
    """Pushes a change of each of `changes` leads; returns milliseconds of database time per change."""
    with w.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE public.conversation SET status = CASE status WHEN 'contacted' THEN 'qualified' "
                "ELSE 'contacted' END WHERE id IN (SELECT id FROM public.conversation ORDER BY id LIMIT :n)"
            ),
            {"n": changes},
        )
    before = watch.seconds
    report = push(w.engine, w.client, PushOptions(budget=Budget(600, 1_000_000)))
    assert report.delivered == report.total("success") == changes, report
    return (watch.seconds - before) * 1000 / changes


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--small", type=int, default=10_000)
    options.add_argument("--large", type=int, default=1_000_000)
    options.add_argument("--changes", type=int, default=150)
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    sizes = {"small": given.small, "large": given.large}
    with ExitStack() as stack:
        worlds, watches = {}, {}
        for name, rows in sizes.items():
            print(f"filling a log of {rows} ...", file=sys.stderr)
            w = worlds[name] = stack.enter_context(world())
            fill(w, accounts=1, leads=given.changes)
            push(w.engine, w.client)  # fills the settings
            history(w, rows)
            watches[name] = Stopwatch(w.engine)
            per_change(w, watches[name], given.changes)  # what is read first is read from disk
        times: dict[str, list[float]] = {name: [] for name in sizes}
        for n in range(given.rounds):
            print(f"round {n + 1} of {given.rounds} ...", file=sys.stderr)
            for name, w in worlds.items():
                times[name].append(per_change(w, watches[name], given.changes))
    medians = {name: statistics.median(found) for name, found in times.items()}
    result = {
        "benchmark": "database_time",
        **vars(given),
        **{f"{name}_ms": round(value, 3) for name, value in medians.items()},
        "ratio": round(medians["large"] / medians["small"], 3),
        "limit": 1.2,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
