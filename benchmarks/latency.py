"""How long a change takes from its commit to ResMan, beside a worker that goes on. One JSON line.

Three latencies apart, each as p50, p95 and p99 in milliseconds, and the whole: from the commit until a worker
has claimed the change, from there until the request's first byte is at the stand-in, and from the stand-in's
answer until the change is settled. One change at a time, each when the one before is settled.

- `quiet`: nothing else happens, and the worker is woken by NOTIFY.
- `polling`: the same with `--no-notify`.
- `backlog`: beside 100,000 changes that wait at another account. Each property has so many leads, last
  modified `--age` days ago; with `--age 0` all of them just now, so that each pull of the worker reads all
  100,000 again and keeps its account's slot for seconds.
- `snapshot`: beside a transaction that holds a snapshot for all the while.
- `killed`: the worker is killed in the middle of a post and another one is there: how many seconds until the
  next change is at ResMan, and until the one in hand is settled.

What the machine allows is measured in the same run as `floor`: a commit, a NOTIFY that a bare session hears,
and one request by a bare client; the worker cannot be quicker than these together.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import requests
from sqlalchemy import text
from world import World, fill, latency, world

from domiq_dagster.demo.stage import API_KEY, PARTNER_ID
from domiq_dagster.sync.delivery.push import PushOptions, push

PROGRAM = str(Path(sys.executable).with_name("domiq-sync"))
_TIMES = """
CREATE SCHEMA bench;
CREATE TABLE bench.claimed (change_id UUID, at TIMESTAMPTZ DEFAULT clock_timestamp());
CREATE TABLE bench.settled (change_id UUID, at TIMESTAMPTZ DEFAULT clock_timestamp());
CREATE FUNCTION bench.claim() RETURNS TRIGGER LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO bench.claimed (change_id) VALUES (NEW.change_id); RETURN NULL; END $$;
CREATE FUNCTION bench.settle() RETURNS TRIGGER LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO bench.settled (change_id) VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER claim AFTER UPDATE ON domiq_sync.delivery FOR EACH ROW
WHEN (NEW.lease_token IS DISTINCT FROM OLD.lease_token AND NEW.lease_token IS NOT NULL)
EXECUTE FUNCTION bench.claim();
CREATE TRIGGER settle AFTER UPDATE ON public.status_sync_log FOR EACH ROW
WHEN (NEW.sync_status IS DISTINCT FROM OLD.sync_status) EXECUTE FUNCTION bench.settle();
"""
"""Each moment as it is written: a fifth of a millisecond more for a change."""


@contextmanager
def a_worker(w: World, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """`domiq-sync worker`, ready."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DOMIQ_", "RESMAN_", "DAGSTER_"))}
    resman = {
        "RESMAN_V1_URL": w.standin_url,
        "RESMAN_V2_URL": w.standin_url,
        "RESMAN_PARTNER_ID": PARTNER_ID,
        "RESMAN_API_KEY": API_KEY,
    }
    process = subprocess.Popen(
        [PROGRAM, "worker", "--http", "off", *options],
        env={**kept, **resman, "DOMIQ_DATABASE_URL": w.url},
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while not _rows(w, "SELECT FROM domiq_sync.worker WHERE job = 'service'"):
            assert process.poll() is None and time.monotonic() < until, "the worker did not start"
            time.sleep(0.1)
        time.sleep(2.0)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)
        with w.engine.begin() as connection:
            connection.execute(text("DELETE FROM domiq_sync.worker"))


def _rows(w: World, sql: str, **values: Any) -> Sequence[Any]:
    with w.engine.connect() as connection:
        return connection.execute(text(sql), values).all()


def measure(w: World, changes: int, account: int = 0) -> dict[str, Any]:
    """Changes of one account's leads, one after the other."""
    leads = [
        row.id
        for row in _rows(
            w,
            "SELECT c.id FROM conversation c JOIN chatbot b ON b.id = c.chatbot_id "
            "JOIN domiq_sync.integration i ON i.property_id = b.property_id "
            "WHERE i.resman_account_id = :a AND c.status = 'new' ORDER BY c.id LIMIT :n",
            a=str(1000 + account),
            n=changes,
        )
    ]
    assert len(leads) == changes
    committed: dict[str, float] = {}
    with psycopg.connect(w.url, autocommit=True) as session:
        for lead in leads:
            session.execute("UPDATE conversation SET status = 'contacted' WHERE id = %s", [lead])
            now = time.time()
            row = session.execute(
                "SELECT id FROM status_sync_log WHERE conversation_id = %s ORDER BY created_at DESC LIMIT 1",
                [lead],
            ).fetchone()
            assert row is not None
            committed[row[0].hex[:12]] = now
            until = time.monotonic() + 30
            while not session.execute(
                "SELECT 1 FROM bench.settled WHERE change_id = %s", [row[0]]
            ).fetchone():
                assert time.monotonic() < until, "a change is not settled"
                time.sleep(0.003)
            time.sleep(0.02 + (hash(lead) % 100) / 1000)  # it sleeps again, and is met at any moment of it
    claimed = {
        r.change_id.hex[:12]: r.at.timestamp()
        for r in _rows(w, "SELECT change_id, min(at) AS at FROM bench.claimed GROUP BY 1")
    }
    settled = {r.change_id.hex[:12]: r.at.timestamp() for r in _rows(w, "SELECT * FROM bench.settled")}
    arrived, answered = _at_resman(w)
    return {
        "changes": changes,
        "commit_to_claim": _percentiles(claimed[c] - at for c, at in committed.items()),
        "claim_to_first_byte": _percentiles(arrived[c] - claimed[c] for c in committed),
        "answer_to_settled": _percentiles(settled[c] - answered[c] for c in committed),
        "commit_to_first_byte": _percentiles(arrived[c] - at for c, at in committed.items()),
        "commit_to_settled": _percentiles(settled[c] - at for c, at in committed.items()),
    }


def _at_resman(w: World) -> tuple[dict[str, float], dict[str, float]]:
    """When each change's post arrived at the stand-in, and was answered, by the marker's digits."""
    state = requests.get(f"{w.standin_url}/_standin/state", timeout=60).json()
    arrived, answered = {}, {}
    for request in state["requests"]:
        marks = str(request["parameters"].get("Xml", "")).partition("[DQ-")[2]
        if marks:
            arrived.setdefault(marks[:12], datetime.fromisoformat(request["startedAt"]).timestamp())
            if request["finishedAt"]:
                answered[marks[:12]] = datetime.fromisoformat(request["finishedAt"]).timestamp()
    return arrived, answered


def _percentiles(values: Iterator[float]) -> dict[str, float]:
    found = sorted(1000 * v for v in values)
    at = lambda share: round(found[min(len(found) - 1, int(share * len(found)))], 1)  # noqa: E731
    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99)}


def floor(w: World) -> dict[str, float]:
    """A commit, a NOTIFY heard by a bare session, and one request by a bare client, in milliseconds
    (medians of 50)."""
    with (
        psycopg.connect(w.url, autocommit=True) as hears,
        psycopg.connect(w.url, autocommit=True) as says,
    ):
        hears.execute("LISTEN bench_floor")
        heard = []
        for _ in range(50):
            began = time.perf_counter()
            says.execute("NOTIFY bench_floor")
            next(iter(hears.notifies(timeout=5, stop_after=1)))
            heard.append(time.perf_counter() - began)
    return {
        "notify_ms": round(1000 * sorted(heard)[25], 2),
        "request_ms": round(1000 * latency(w, 0.0), 2),
    }


@contextmanager
def a_snapshot(w: World) -> Iterator[None]:
    """A transaction that holds its snapshot."""
    with psycopg.connect(w.url) as session:
        session.execute("SET idle_in_transaction_session_timeout = 0")
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT count(*) FROM conversation")
        yield
        session.rollback()


@contextmanager
def a_backlog(w: World, changes: int) -> Iterator[None]:
    """Changes that wait at account 1001, each of another conversation."""
    with w.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE conversation SET status = 'contacted' WHERE id IN (SELECT c.id FROM conversation c "
                "JOIN chatbot b ON b.id = c.chatbot_id JOIN domiq_sync.integration i USING (property_id) "
                "WHERE i.resman_account_id = '1001' AND c.status = 'new' LIMIT :n)"
            ),
            {"n": changes},
        )
    yield


def killed(w: World) -> dict[str, float]:
    """Seconds from SIGKILL of one of two workers, in the middle of a post, until the next change of the
    account is at ResMan, and until the one in hand is settled."""
    slow = {"switches": {"latency_ms": 3000}}
    requests.post(f"{w.standin_url}/_standin/faults", json=slow, timeout=10).raise_for_status()
    with a_worker(w) as first:
        one, other = (
            r.id
            for r in _rows(w, "SELECT id FROM conversation WHERE status = 'new' ORDER BY id DESC LIMIT 2")
        )
        change = "UPDATE conversation SET status = 'contacted' WHERE id = :c"
        with w.engine.begin() as connection:
            connection.execute(text(change), {"c": one})
        _until(lambda: _rows(w, "SELECT FROM domiq_sync.delivery WHERE posted_at IS NOT NULL"), 30)
        first.kill()
        first.wait()
        began = time.monotonic()
        with w.engine.begin() as connection:
            connection.execute(text(change), {"c": other})
        fast = {"switches": {"latency_ms": 0}}
        requests.post(f"{w.standin_url}/_standin/faults", json=fast, timeout=10).raise_for_status()
        log = "SELECT FROM status_sync_log WHERE conversation_id = :c AND sync_status = 'success'"
        with a_worker(w):
            _until(lambda: _rows(w, log, c=other), 120)
            next_one = time.monotonic() - began
            _until(lambda: _rows(w, log, c=one), 120)
    return {"next_change_s": round(next_one, 1), "change_in_hand_s": round(time.monotonic() - began, 1)}


def _until(look: Callable[[], object], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, "not seen"
        time.sleep(0.05)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--changes", type=int, default=500)
    options.add_argument("--backlog", type=int, default=100_000)
    options.add_argument("--no-pull", action="store_true", help="the worker only pushes")
    options.add_argument("--age", type=float, default=30.0)
    options.add_argument("--only", nargs="*", default=["quiet", "polling", "snapshot", "backlog", "killed"])
    given = options.parse_args()
    result: dict[str, object] = {"benchmark": "latency", "cores": os.cpu_count()}
    for name in given.only:
        print(f"{name} ...", file=sys.stderr)
        with world() as w:
            many = given.backlog if name == "backlog" else 10
            leads = max(given.changes + 10, many)
            fill(w, accounts=2, leads=leads, age=timedelta(days=given.age))
            push(w.engine, w.client, PushOptions(max_accounts=2))  # fills the settings
            if name == "killed":
                result[name] = killed(w)
                continue
            with w.engine.begin() as connection:
                connection.execute(text(_TIMES), execution_options={"no_parameters": True})
            measured = floor(w)
            beside = {
                "snapshot": lambda w=w: a_snapshot(w),
                "backlog": lambda w=w: a_backlog(w, given.backlog),
            }.get(name, nullcontext)
            worker = ["--no-notify"] * (name == "polling") + ["--no-pull"] * given.no_pull
            with beside(), a_worker(w, *worker):
                result[name] = {**measure(w, given.changes), "floor": measured}
            print(f"{name}: {json.dumps(result[name])}", file=sys.stderr)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
