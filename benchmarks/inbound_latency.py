"""How long it takes from a staff edit at ResMan until it is applied in DomIQ, with one `domiq-sync worker`
and many properties at one account: p95 is to be at most 60 s with 50 properties and a request a second.

`python benchmarks/inbound_latency.py [--properties 50] [--minutes 4] [--edits 30] [--latency 0.1]`. Edits
come at random moments at random properties (`--edits` a minute). Prints one line of JSON. The limit beside
it is what pulling in turn can do at all with this budget: an edit waits for a moment at random of its
property's interval, and for one request, whose seconds are measured here. `--simulate HOURS` has the same
order of pulls and the same edits go on in simulated time, without a database; `--minutes 0` does only that.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import requests
from latency import a_worker
from world import World, fill, latency, world

from domiq_dagster.sync.delivery.push import PushOptions, push
from domiq_dagster.sync.service.pull_order import OrderRules, PropertyFacts, choose, free_after

_TIMES = """
CREATE SCHEMA bench;
CREATE TABLE bench.applied (conversation_id UUID, at TIMESTAMPTZ DEFAULT clock_timestamp());
CREATE FUNCTION bench.apply() RETURNS TRIGGER LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO bench.applied (conversation_id) VALUES (NEW.conversation_id); RETURN NULL; END $$;
CREATE TRIGGER apply AFTER INSERT ON public.status_sync_log FOR EACH ROW
WHEN (NEW.sync_direction = 'from_resman') EXECUTE FUNCTION bench.apply();
"""
_SETTLE_SECONDS = 70.0
"""The worker has pulled each property before the first edit, and has time for the last ones."""


def measure(w: World, minutes: float, edits_a_minute: float, dice: random.Random) -> dict[str, Any]:
    """Real edits at the stand-in, applied by a worker that runs beside."""
    with psycopg.connect(w.url, autocommit=True) as session:
        leads = session.execute("SELECT conversation_id, prospect_id FROM domiq_sync.lead_link").fetchall()
        dice.shuffle(leads)
        with a_worker(w) as process:
            time.sleep(_SETTLE_SECONDS / 2)
            before, cpu, asked = time.monotonic(), _cpu(process.pid), _pulls(w)
            size = _size(session)
            edited: dict[UUID, float] = {}
            ends = before + 60 * minutes
            while time.monotonic() < ends and leads:
                time.sleep(dice.expovariate(edits_a_minute / 60))
                conversation, prospect = leads.pop()
                edited[conversation] = time.time()
                answer = requests.post(
                    f"{w.standin_url}/_standin/prospects/{prospect}", json={"status": "Lost"}, timeout=10
                )
                answer.raise_for_status()
            seconds = time.monotonic() - before
            figures = {
                "requests_per_second": round((_pulls(w) - asked) / seconds, 3),
                "worker_cpu_percent": round(100 * (_cpu(process.pid) - cpu) / seconds, 1),
                "database_bytes_a_day": round((_size(session) - size) / seconds * 86400),
            }
            time.sleep(_SETTLE_SECONDS)
        applied = dict(
            session.execute("SELECT conversation_id, min(at) FROM bench.applied GROUP BY 1").fetchall()
        )
    waits = [applied[c].timestamp() - at for c, at in edited.items() if c in applied]
    return {"edits": len(edited), "applied": len(waits), "edit_to_applied_s": _percentiles(waits), **figures}


def simulate(properties: int, budget: float, hours: float, edits_a_minute: float, dice: random.Random) -> Any:
    """The same in simulated time, from 6 in the morning on: half of the properties are an hour ahead, and one
    in five gets half of all edits."""
    rules, now, ends = OrderRules(), 0.0, 3600 * hours
    ids = [UUID(int=n) for n in range(properties)]
    pulled: dict[UUID, float] = {}
    found: dict[UUID, tuple[float, float]] = {}
    waiting: dict[UUID, list[float]] = {p: [] for p in ids}
    waits: list[float] = []
    free_at, next_edit, requests_made = -1e9, 0.0, 0
    memory = rules.weights.memory
    while now < ends:
        while next_edit <= now:
            busy = ids[: max(1, properties // 5)]
            waiting[dice.choice(busy if dice.random() < 0.5 else ids)].append(next_edit)
            next_edit += dice.expovariate(edits_a_minute / 60)
        facts = []
        for n, p in enumerate(ids):
            news, at = found.get(p, (0.0, now))
            decayed = news * 2.718281828 ** (-(now - at) / memory)
            hour = int(6 + now / 3600 + n % 2) % 24
            since = now - pulled[p] if p in pulled else None
            facts.append(PropertyFacts(p, since, edits=decayed, local_hour=hour))
        choice = choose(facts, budget=budget, free_in=free_at - now, rules=rules)
        if choice.chosen is None:
            now += max(choice.wait, 0.001)
            continue
        one = choice.chosen.property_id
        free_at = now + free_after(free_at - now, budget, 1, rules)
        pulled[one] = now
        requests_made += 1
        if waiting[one]:
            news, at = found.get(one, (0.0, now))
            found[one] = news * 2.718281828 ** (-(now - at) / memory) + len(waiting[one]), now
            waits += [now - at for at in waiting[one]]
            waiting[one] = []
    return {
        "hours": hours,
        "edits": len(waits),
        "edit_to_pulled_s": _percentiles(waits),
        "requests_per_second": round(requests_made / ends, 3),
    }


def _pulls(w: World) -> int:
    """How many requests for prospects the stand-in has seen."""
    state = requests.get(f"{w.standin_url}/_standin/state", timeout=60).json()
    return sum(1 for r in state["requests"] if r["method"] == "GET")


def _cpu(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _size(session: psycopg.Connection[Any]) -> int:
    row = session.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def _percentiles(values: Iterable[float]) -> dict[str, float]:
    found = sorted(values)
    if not found:
        return {}
    at = lambda share: round(found[min(len(found) - 1, int(share * len(found)))], 1)  # noqa: E731
    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "mean": round(statistics.mean(found), 1)}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--properties", type=int, default=50)
    options.add_argument("--minutes", type=float, default=4.0)
    options.add_argument("--edits", type=float, default=30.0)
    options.add_argument("--budget", type=float, default=1.0)
    options.add_argument("--latency", type=float, default=0.1)
    options.add_argument("--simulate", type=float, default=2.0)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    dice = random.Random(given.seed)
    interval = max(given.properties / given.budget, OrderRules().pause)
    result: dict[str, Any] = {
        "benchmark": "inbound_latency",
        "cores": os.cpu_count(),
        "properties": given.properties,
        "budget": given.budget,
    }
    if given.simulate:
        result["simulated"] = simulate(given.properties, given.budget, given.simulate, given.edits, dice)
    if given.minutes:
        print("measuring ...", file=sys.stderr)
        with world() as w:
            leads = 2 + int(2 * given.minutes * given.edits / given.properties)
            fill(w, accounts=1, leads=leads, properties_each=given.properties)
            push(w.engine, w.client, PushOptions())
            with w.engine.begin() as connection:
                connection.exec_driver_sql(_TIMES)
                connection.exec_driver_sql(f"UPDATE domiq_sync.account SET pull_budget = {given.budget:f}")
            request = latency(w, given.latency)
            result["limit"] = {
                "request_s": round(request, 3),
                "in_turn_p95_s": round(0.95 * interval + request, 1),
            }
            result |= measure(w, given.minutes, given.edits, dice)
            result["p95_of_limit"] = round(
                result["edit_to_applied_s"].get("p95", 0.0) / result["limit"]["in_turn_p95_s"], 2
            )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
