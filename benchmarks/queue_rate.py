"""How fast the delivery queue turns changes over without HTTP: claim, and settle with an attempt on record.

One JSON line. The log holds a million changes; per-conversation order, leases and fencing are on, and writes
are durable. Three runs, each on a queue of its own filling:
  plain       every conversation has one or two changes
  snapshot    the same, while another session holds a snapshot open from before the first claim: nothing
              that dies can be cleared. Filled and drained again until it was open for `--hold` seconds
  one_lane    half of the changes belong to one conversation, which can go one at a time only

`limit` is what the same statements' writes cost without a queue: UPDATE of the log rows and INSERT of their
attempts, in batches as large, by as many sessions, in the same run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from domiq_dagster.db.embedded import running
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync import queue
from domiq_dagster.sync.queue import Attempt, Settlement

PROPERTIES = 20
_SPAWN = multiprocessing.get_context("spawn")
EXPLANATION = {"outcome": "sent", "reason": "Other at ResMan", "marker": "[DQ-0123456789ab]"}


@contextmanager
def database(changes: int) -> Iterator[tuple[Engine, str]]:
    """A migrated database with durable writes whose log holds `changes` settled changes."""
    with tempfile.TemporaryDirectory(prefix="domiq-bench-") as directory:
        Path(directory).chmod(0o755)
        settings = {"max_wal_size": "8GB", "checkpoint_timeout": "30min"}
        with running(Path(directory) / "pg", settings=settings) as server:
            server.ensure_database("bench")
            engine = make_engine(server.url("bench"), pool_size=10, statement_timeout_ms=0)
            migrate(engine)
            run(engine, _WORLD, properties=PROPERTIES, changes=changes)
            vacuum(engine)
            yield engine, server.url("bench")
            engine.dispose()


def run(engine: Engine, sql: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in sql.split(";\n"):
            if statement.strip():
                connection.execute(text(statement), values)


def vacuum(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def enqueue(engine: Engine, pending: int, *, one_lane: int = 0) -> UUID | None:
    """Logs `pending` changes, of which `one_lane` belong to one conversation, which it returns."""
    run(engine, _ENQUEUE, pending=pending - one_lane)
    if not one_lane:
        return None
    run(engine, _ENQUEUE_LANE, pending=one_lane)
    with engine.connect() as connection:
        lane: UUID = connection.scalar(text("SELECT lane FROM domiq_sync.delivery WHERE NOT is_head LIMIT 1"))
    return lane


def drain(url: str, workers: int, batch: int, lane: UUID | None = None) -> dict[str, float]:
    """Claims and settles in `workers` processes until nothing is due but `lane`'s changes. Returns what was
    done and how fast, counted from the moment in which all workers are ready."""
    start = _SPAWN.Barrier(workers + 1)
    answers = _SPAWN.SimpleQueue()
    processes = [
        _SPAWN.Process(target=work, args=(url, n, workers, batch, lane, start, answers))
        for n in range(workers)
    ]
    for process in processes:
        process.start()
    start.wait(120)
    began = time.perf_counter()
    done = [answers.get() for _ in processes]
    seconds = time.perf_counter() - began
    for process in processes:
        process.join()
        assert process.exitcode == 0
    changes, of_lane = (sum(column) for column in zip(*done, strict=True))
    return {
        "changes": changes,
        "of_one_lane": of_lane,
        "seconds": round(seconds, 2),
        "per_second": round((changes - of_lane) / seconds),
    }


def work(url: str, me: int, workers: int, batch: int, lane: UUID | None, start: Any, answers: Any) -> None:
    """One worker process: its share of the properties, in turn."""
    engine = make_engine(url, statement_timeout_ms=0)
    done = of_lane = 0
    with engine.connect() as connection:
        mine = [d.property_id for d in queue.due_properties(connection)][me::workers]
        connection.commit()
        begin: dict[UUID, Any] = {}
        start.wait(120)
        while mine:
            for property_id in list(mine):
                held = queue.claim(
                    connection, property_id, f"bench:{me}", 45.0, limit=batch, due_from=begin.get(property_id)
                )
                if any(h.lane != lane for h in held):
                    begin[property_id] = max(h.was_due_at for h in held)
                elif begin.pop(property_id, None) is None:
                    mine.remove(property_id)  # looked from the start, and nothing else is due
                if held:
                    settle(connection, held)
                    done += len(held)
                    of_lane += sum(h.lane == lane for h in held)
    engine.dispose()
    answers.put((done, of_lane))


def settle(connection: Any, held: list[queue.Claim]) -> None:
    now = held[0].enqueued_at
    step = Attempt("tell", "ok", {"event_type": "Other", "marker": "[DQ-0123456789ab]"}, now, 100)
    kept = queue.settle(connection, [Settlement(h, "success", EXPLANATION, None, [step]) for h in held])
    connection.commit()
    assert len(kept) == len(held)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--log", type=int, default=1_000_000)
    options.add_argument("--pending", type=int, default=200_000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--batch", type=int, default=500)
    options.add_argument("--hold", type=float, default=300.0, help="seconds that the snapshot is open")
    given = options.parse_args()

    def say(what: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)

    result: dict[str, Any] = {"benchmark": "queue_rate", **vars(given)}
    say("filling the log ...")
    with database(given.log) as (engine, url):
        say("plain ...")
        enqueue(engine, given.pending)
        vacuum(engine)
        result["plain"] = drain(url, given.workers, given.batch)
        say(f"{result['plain']}; one_lane ...")
        vacuum(engine)
        lane = enqueue(engine, given.pending, one_lane=given.pending // 2)
        vacuum(engine)
        result["one_lane"] = drain(url, given.workers, given.batch, lane)
        say(f"{result['one_lane']}; snapshot ...")
        run(engine, "DELETE FROM domiq_sync.delivery")
        vacuum(engine)
        result["snapshot"] = under_snapshot(engine, url, given, say)
    plain = result["plain"]["per_second"]
    result["snapshot"]["share_of_plain"] = round(result["snapshot"]["per_second"] / plain, 3)
    result["one_lane"]["share_of_plain"] = round(result["one_lane"]["per_second"] / plain, 3)
    print(json.dumps(result))


def under_snapshot(engine: Engine, url: str, given: Any, say: Callable[[str], None]) -> dict[str, float]:
    """Fills and drains for `hold` seconds while a snapshot is open; the rates of the last round."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as holder:
        holder.execute(text("SELECT count(*) FROM domiq_sync.delivery"))
        began, rounds = time.perf_counter(), 0
        while True:
            enqueue(engine, given.pending)
            figures = drain(url, given.workers, given.batch)
            rounds += 1
            held = time.perf_counter() - began
            say(f"open for {held:.0f} s: {figures}")
            if held >= given.hold:
                return {**figures, "rounds": rounds, "open_seconds": round(held)}


_WORLD = """
INSERT INTO public.company (name) VALUES ('Bench');
INSERT INTO public.property (company_id, name, address, city, state, zip_code)
SELECT c.id, 'Bench ' || n, '1 Main St', 'Austin', 'TX', '78701'
FROM public.company c, generate_series(1, :properties) n;
INSERT INTO public.chatbot (property_id, name) SELECT id, name FROM public.property;
INSERT INTO domiq_sync.account (resman_account_id) SELECT id::text FROM public.property;
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id, partition_key)
SELECT id, id::text, id::text, name FROM public.property;
INSERT INTO public.conversation (chatbot_id, status)
SELECT b.id, 'contacted' FROM public.chatbot b, generate_series(1, 200000 / :properties);
CREATE TABLE bench_lane AS
SELECT row_number() OVER (ORDER BY c.id) - 1 AS n, c.id AS conversation_id, b.property_id
FROM public.conversation c JOIN public.chatbot b ON b.id = c.chatbot_id;
CREATE UNIQUE INDEX ON bench_lane (n);
WITH logged AS (
    INSERT INTO public.status_sync_log (id, conversation_id, resman_lead_id, old_status, new_status,
                                        updated_by, sync_direction, sync_status, context_data, created_at)
    SELECT gen_random_uuid(), l.conversation_id, 'lead-' || l.n, 'new', 'contacted', 'chatbot',
           'to_resman', 'success', '{"sync": {"outcome": "sent"}}', now() - s.n * interval '1 second'
    FROM generate_series(1, :changes) s(n) JOIN bench_lane l ON l.n = s.n % 200000
    RETURNING id, conversation_id)
INSERT INTO domiq_sync.change (change_id, conversation_id, property_id, notified_at)
SELECT g.id, g.conversation_id, l.property_id, now() FROM logged g JOIN bench_lane l USING (conversation_id)
"""
_ENQUEUE = """
WITH logged AS (
    INSERT INTO public.status_sync_log (id, conversation_id, resman_lead_id, old_status, new_status,
                                        updated_by, sync_direction, sync_status, created_at)
    SELECT gen_random_uuid(), l.conversation_id, 'lead-' || l.n, 'contacted', 'qualified', 'chatbot',
           'to_resman', 'pending', clock_timestamp()
    FROM generate_series(1, :pending) s(n) JOIN bench_lane l ON l.n = s.n % 200000
    RETURNING id, conversation_id), placed AS (
    INSERT INTO domiq_sync.change (change_id, conversation_id, property_id)
    SELECT g.id, g.conversation_id, l.property_id FROM logged g JOIN bench_lane l USING (conversation_id)
    RETURNING change_id, seq, conversation_id, property_id)
INSERT INTO domiq_sync.delivery (change_id, seq, lane, property_id, is_head)
SELECT change_id, seq, conversation_id, property_id,
       row_number() OVER (PARTITION BY conversation_id ORDER BY seq) = 1 FROM placed ORDER BY seq
"""
_ENQUEUE_LANE = _ENQUEUE.replace("l.n = s.n % 200000", "l.n = 100000 + 0 * s.n")


if __name__ == "__main__":
    main()
