"""How fast changes reach ResMan, held against what its latency allows: one request at a time per account.

One JSON line. `one_account`: one account, one worker. `twenty_accounts`: 20 accounts, 4 worker processes,
each with the properties of 5. `limit` is accounts / latency, the latency measured in the same run as the
median of 15 requests through the same client. `cores_busy` says how many of the machine's cores all
processes together kept busy meanwhile (workers, PostgreSQL and the stand-in): where that is all of them,
the machine is the limit.

With `--busy 0.15 --retry-after 2` that share of all calls is answered with 429 and that Retry-After, at one
account. Then `limit` is what the share of good answers allows whoever obeys: a change costs its own request,
and for each good answer share / (1 - share) refused ones with the pause after each. `share_of_limit` is to be
0.5 or more; `left` counts pushes that ended with changes still due, each followed by another.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psutil
import requests
from sqlalchemy import text
from world import World, fill, latency, world

from domiq_dagster.resman.client import ResManConfig
from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.delivery.push import PushOptions, push
from domiq_dagster.wiring import open_client, open_engine

_SPAWN = multiprocessing.get_context("spawn")


def change(w: World, changes: int) -> None:
    """A change of each property's first `changes` leads."""
    with w.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE public.conversation SET status = 'contacted' WHERE id IN "
                "(SELECT id FROM (SELECT c.id, "
                "row_number() OVER (PARTITION BY chatbot_id ORDER BY c.id) AS n "
                "FROM public.conversation c WHERE status = 'new') AS x WHERE n <= :n)"
            ),
            {"n": changes},
        )


def work(url: str, config: ResManConfig, mine: Sequence[UUID], start: Any, answers: Any) -> None:
    """One worker process: pushes what is due at its properties."""
    with open_engine(url, check=False, pool_size=30) as engine, open_client(config, url) as client:
        start.wait(120)
        options = PushOptions(property_ids=mine, budget=Budget(600, 1_000_000), max_accounts=len(mine))
        report = push(engine, client, options)
    answers.put((report.delivered, report.total("success"), report.seconds))


def measure(w: World, changes: int, workers: int) -> dict[str, float]:
    with w.engine.connect() as connection:
        properties = list(
            connection.scalars(text("SELECT property_id FROM domiq_sync.integration ORDER BY 1"))
        )
    start, answers = _SPAWN.Barrier(workers + 1), _SPAWN.SimpleQueue()
    processes = [
        _SPAWN.Process(target=work, args=(w.url, w.config, properties[n::workers], start, answers))
        for n in range(workers)
    ]
    for process in processes:
        process.start()
    change(w, changes)
    start.wait(120)
    began = time.perf_counter()
    psutil.cpu_percent()
    done = [answers.get() for _ in processes]
    seconds = time.perf_counter() - began
    busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
    for process in processes:
        process.join()
    delivered, success = sum(d[0] for d in done), sum(d[1] for d in done)
    assert delivered == success == changes * len(properties), done
    return {
        "pushes": delivered,
        "seconds": round(seconds, 3),
        # a worker that ends early is no slower for it: what counts is the time in which it pushed
        "per_second": round(sum(d[0] / d[2] for d in done), 2),
        "cores_busy": round(busy, 2),
    }


def measure_busy(changes: int, share: float, retry_after: float) -> dict[str, object]:
    """One account, one worker, some calls of which are answered with 429, until every change is told."""
    with world(pool_size=60) as w:
        fill(w, accounts=1, leads=changes + 10)
        push(w.engine, w.client)  # fills the settings
        one = latency(w, 0.1)
        fault = {"kind": "status", "status": 429, "retry_after": retry_after, "rate": share}
        body = {"seed": 1, "faults": [fault]}
        requests.post(f"{w.standin_url}/_standin/faults", json=body, timeout=10).raise_for_status()
        change(w, changes)
        began, told, left, busy = time.perf_counter(), 0, 0, 0
        while told < changes:
            report = push(w.engine, w.client)
            told += report.total("success")
            busy += report.by_outcome["busy"]
            left += told < changes
            if not report.delivered:
                time.sleep(0.1)
        seconds = time.perf_counter() - began
    limit = 1 / (one + share / (1 - share) * (one + retry_after))
    return {
        "pushes": told,
        "seconds": round(seconds, 3),
        "per_second": round(told / seconds, 2),
        "told_to_wait": busy,
        "left": left,
        "latency": round(one, 4),
        "limit": round(limit, 2),
        "share_of_limit": round(told / seconds / limit, 3),
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--busy", type=float, help="share of calls answered with 429")
    options.add_argument("--retry-after", type=float, default=2.0)
    options.add_argument("--changes", type=int, default=200)
    given = options.parse_args()
    if given.busy is not None:
        told = measure_busy(given.changes, given.busy, given.retry_after)
        print(json.dumps({"benchmark": "push_rate", "busy": given.busy, **told}))
        return
    result: dict[str, object] = {"benchmark": "push_rate", "cores": psutil.cpu_count()}
    for name, accounts, changes, workers in (("one_account", 1, 200, 1), ("twenty_accounts", 20, 60, 4)):
        print(f"{name} ...", file=sys.stderr)
        with world(pool_size=60) as w:
            fill(w, accounts=accounts, leads=changes + 10)
            push(w.engine, w.client, PushOptions(max_accounts=accounts))  # fills the settings
            one = latency(w, 0.1)
            figures = measure(w, changes, workers)
            limit = accounts / one
            result[name] = {
                **figures,
                "latency": round(one, 4),
                "limit": round(limit, 2),
                "share_of_limit": round(figures["per_second"] / limit, 3),
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
