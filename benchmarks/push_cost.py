"""How much of a processor one pushed change costs, apart by process: the worker, PostgreSQL, the stand-in.

One JSON line, in milliseconds per change: medians of `--rounds` pushes of `--changes` changes at one account,
whose stand-in answers at once. `worker_ms` is this process, `postgres_ms` all of the server's processes, and
`standin_ms` what plays ResMan and is no part of the sync. `statements` and `transactions` are per change;
those of the account's gate, and what is a transaction by itself, are not counted as one.
`limit` is 5 ms for all together.

With --profile the functions in which the worker spends its time are printed to stderr.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import sys
import threading
import time
from collections import Counter

import psutil
from sqlalchemy import event, text
from world import World, fill, world

from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.delivery.push import PushOptions, push

LIMIT_MS = 5.0


def others(w: World) -> list[tuple[str, psutil.Process]]:
    """What else works for a push: the server with its backends, and the stand-in."""
    with w.engine.connect() as connection:
        pids = connection.scalars(text("SELECT pid FROM pg_stat_activity")).all()
    postmaster = next(parent for pid in pids if (parent := psutil.Process(pid).parent()) is not None)
    standin = psutil.Process().children(recursive=True)
    server = [postmaster, *postmaster.children(recursive=True)]
    return [("standin", p) for p in standin] + [("postgres", p) for p in server]


def spent(w: World) -> dict[str, float]:
    """Seconds of processor time until now, of all that are there and of those whose end was waited for."""
    found = {"worker": time.process_time(), "postgres": 0.0, "standin": 0.0}
    for name, process in others(w):
        times = process.cpu_times()
        found[name] += times.user + times.system + times.children_user + times.children_system
    return found


def change(w: World, changes: int) -> None:
    with w.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE public.conversation SET status = CASE status WHEN 'contacted' THEN 'qualified' "
                "ELSE 'contacted' END WHERE id IN (SELECT id FROM public.conversation ORDER BY id LIMIT :n)"
            ),
            {"n": changes},
        )


def measure(w: World, changes: int) -> dict[str, float]:
    change(w, changes)
    trips: Counter[str] = Counter()
    counters = {
        name: (lambda *_, name=name: trips.update([name]))
        for name in ("before_cursor_execute", "begin", "commit")
    }
    for name, counter in counters.items():
        event.listen(w.engine, name, counter)
    before = spent(w)
    report = push(w.engine, w.client, PushOptions(budget=Budget(600, 1_000_000)))
    after = spent(w)
    for name, counter in counters.items():
        event.remove(w.engine, name, counter)
    assert report.delivered == report.total("success") == changes, report
    found = {f"{name}_ms": (after[name] - before[name]) * 1000 / changes for name in after}
    return {
        **found,
        "statements": trips["before_cursor_execute"] / changes,
        "transactions": trips["commit"] / changes,
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--changes", type=int, default=300)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--profile", action="store_true")
    given = options.parse_args()
    found: dict[str, list[float]] = {}
    with world() as w:
        fill(w, accounts=1, leads=given.changes)
        push(w.engine, w.client)  # fills the settings
        measure(w, given.changes)  # what is read first is read from disk
        for n in range(given.rounds):
            print(f"round {n + 1} of {given.rounds} ...", file=sys.stderr)
            for name, value in measure(w, given.changes).items():
                found.setdefault(name, []).append(value)
        if given.profile:
            profile(w, given.changes)
    medians = {name: round(statistics.median(values), 2) for name, values in found.items()}
    sync = sum(medians[f"{name}_ms"] for name in ("worker", "postgres", "standin"))
    result = {"benchmark": "push_cost", **medians, "all_ms": round(sync, 2), "limit": LIMIT_MS}
    print(json.dumps(result))


def profile(w: World, changes: int) -> None:
    """Of all threads together."""
    change(w, changes)
    watch = cProfile.Profile()
    threading.setprofile(lambda *_: watch.enable())
    watch.enable()
    push(w.engine, w.client, PushOptions(budget=Budget(600, 1_000_000)))
    watch.disable()
    threading.setprofile(None)
    pstats.Stats(watch, stream=sys.stderr).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
