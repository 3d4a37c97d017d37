"""How fast the delivery queue turns changes over without HTTP: claim, and settle with an attempt on record.

One JSON line. The log holds a million changes; per-conversation order, leases and fencing are on, and writes
are durable. What is compared goes by turns on two like databases, so that a machine that is busy for a while
is busy for both; each figure is the median over the rounds, each share that of the pairs.
  plain       every conversation has one or two changes
  one_lane    half of the changes belong to one conversation, which can go one at a time only: the rate of the
              other conversations
  snapshot    as plain, while another session holds a snapshot open from before the first claim, so that
              nothing that dies can be cleared. Filled and drained again for `--hold` seconds, so that each
              of the log's 200,000 conversations changes every half minute
The limit is `--least` changes per second for plain, and 0.9 of plain for the others.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from domiq_dagster.db.embedded import running
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.queue import Attempt, Settlement

PROPERTIES = 20
_SPAWN = multiprocessing.get_context("spawn")
EXPLANATION = {"outcome": "sent", "reason": "Other at ResMan", "marker": "[DQ-0123456789ab]"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two databases."""

    engine: Engine
    url: str


@contextmanager
def databases(changes: int) -> Iterator[tuple[Side, Side]]:
    """Two like, migrated databases with durable writes, whose logs hold `changes` settled changes. What a
    session of one of them holds open keeps nothing in the other."""
    with tempfile.TemporaryDirectory(prefix="domiq-bench-") as directory:
        Path(directory).chmod(0o755)
        # Both databases stay in memory, as one does on a server of its own.
        settings = {"max_wal_size": "8GB", "checkpoint_timeout": "30min", "shared_buffers": "2GB"}
        with running(Path(directory) / "pg", settings=settings) as server:
            server.ensure_database("bench")
            with engine_of(server.url("bench")) as engine:
                migrate(engine)
                run(engine, _WORLD, properties=PROPERTIES, changes=changes)
                vacuum(engine)
            with engine_of(server.url("postgres")) as engine:
                connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                connection.execute(text("CREATE DATABASE twin TEMPLATE bench"))
                connection.close()
            with engine_of(server.url("bench")) as one, engine_of(server.url("twin")) as other:
                yield Side(one, server.url("bench")), Side(other, server.url("twin"))


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    engine = make_engine(url, pool_size=10, statement_timeout_ms=0)
    try:
        yield engine
    finally:
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


def enqueue(engine: Engine, pending: int, *, one_lane: int = 0, after: int = 0) -> UUID | None:
    """Logs `pending` changes, of which `one_lane` belong to one conversation, which it returns. The others go
    round the conversations, beginning with number `after`."""
    run(engine, _ENQUEUE, pending=pending - one_lane, after=after)
    if not one_lane:
        return None
    run(engine, _ENQUEUE_LANE, pending=one_lane, after=0)
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
        begin = {d.property_id: d.due_since for d in queue.due_properties(connection)[me::workers]}
        connection.commit()
        mine = list(begin)
        looked = set(mine)
        look_from = min(begin.values()) - timedelta(seconds=10) if begin else None
        start.wait(120)
        while mine:
            for property_id in list(mine):
                held = queue.claim(
                    connection, property_id, f"bench:{me}", 45.0, limit=batch, due_from=begin[property_id]
                )
                if any(h.lane != lane for h in held):
                    begin[property_id] = max(h.was_due_at for h in held)
                    looked.discard(property_id)
                elif property_id not in looked and (due := look(connection, property_id, look_from)):
                    begin[property_id] = due
                    looked.add(property_id)
                else:
                    mine.remove(property_id)  # looked from the start, and nothing else is due
                if held:
                    settle(connection, held)
                    done += len(held)
                    of_lane += sum(h.lane == lane for h in held)
    engine.dispose()
    answers.put((done, of_lane))


def look(connection: Any, property_id: UUID, look_from: datetime | None) -> datetime | None:
    """Since when a property has something due, as a push asks it anew when it finds nothing any more."""
    due = [d.due_since for d in queue.due_properties(connection, [property_id], due_from=look_from)]
    connection.commit()
    return due[0] if due else None


def settle(connection: Any, held: list[queue.Claim]) -> None:
    now = held[0].enqueued_at
    step = Attempt("tell", "ok", {"event_type": "Other", "marker": "[DQ-0123456789ab]"}, now, 100)
    kept = queue.settle(connection, [Settlement(h, "success", EXPLANATION, None, [step]) for h in held])
    connection.commit()
    assert len(kept) == len(held)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--log", type=int, default=1_000_000)
    options.add_argument("--pending", type=int, default=100_000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--batch", type=int, default=500)
    options.add_argument("--rounds", type=int, default=5, help="of plain beside one_lane")
    options.add_argument("--hold", type=float, default=300.0, help="seconds that the snapshot is open")
    options.add_argument("--least", type=int, default=10_000)
    given = options.parse_args()
    result: dict[str, Any] = {"benchmark": "queue_rate", **vars(given)}
    say("filling the logs ...")
    with databases(given.log) as sides:
        result |= compare("plain", "one_lane", beside_one_lane(*sides, given))
        for side in sides:
            run(side.engine, "DELETE FROM domiq_sync.delivery")
            vacuum(side.engine)
        result |= compare("plain_beside_snapshot", "snapshot", beside_snapshot(*sides, given))
    print(json.dumps(result))


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


Pair = tuple[dict[str, float], dict[str, float]]


def compare(plain: str, other: str, rounds: Iterator[Pair]) -> dict[str, Any]:
    """The medians of both, and of the share that the other has of plain in its round."""
    pairs = []
    for n, pair in enumerate(rounds, 1):
        rates = [p["per_second"] for p in pair]
        say(f"round {n}: {plain} {rates[0]:.0f}/s, {other} {rates[1]:.0f}/s")
        pairs.append(rates)
    columns = list(zip(*pairs, strict=True))
    share = statistics.median(b / a for a, b in pairs)
    return {
        plain: {"per_second": round(statistics.median(columns[0])), "rounds": len(pairs)},
        other: {"per_second": round(statistics.median(columns[1])), "share_of_plain": round(share, 3)},
    }


def beside_one_lane(one: Side, other: Side, given: Any) -> Iterator[Pair]:
    """Plain in the one, half of the changes in one conversation in the other."""
    for n in range(given.rounds):
        enqueue(one.engine, given.pending // 2)
        lane = enqueue(other.engine, given.pending, one_lane=given.pending // 2)
        for side in (one, other):
            vacuum(side.engine)
        yield by_turns(
            n, lambda: drain(one.url, given.workers, given.batch),
            lambda: drain(other.url, given.workers, given.batch, lane),  # noqa: B023
        )  # fmt: skip
        run(other.engine, "DELETE FROM domiq_sync.delivery")


def beside_snapshot(one: Side, other: Side, given: Any) -> Iterator[Pair]:
    """The same in both, while a snapshot is open in the other."""
    with other.engine.connect().execution_options(isolation_level="REPEATABLE READ") as holder:
        # Ours end a session that is idle in a transaction; this one is to be.
        holder.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        holder.execute(text("SELECT count(*) FROM domiq_sync.delivery"))
        began, n = time.perf_counter(), 0
        while time.perf_counter() - began < given.hold:
            for side in (one, other):
                enqueue(side.engine, given.pending, after=n * given.pending)
            yield by_turns(
                n, lambda: drain(one.url, given.workers, given.batch),
                lambda: drain(other.url, given.workers, given.batch),
            )  # fmt: skip
            n += 1


def by_turns(n: int, one: Callable[[], dict[str, float]], other: Callable[[], dict[str, float]]) -> Pair:
    """Both, of which every other time the other goes first."""
    if n % 2:
        second = other()
        return one(), second
    return one(), other()


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
    FROM generate_series(1, :pending) s(n) JOIN bench_lane l ON l.n = (s.n + CAST(:after AS integer)) % 200000
    RETURNING id, conversation_id), placed AS (
    INSERT INTO domiq_sync.change (change_id, conversation_id, property_id)
    SELECT g.id, g.conversation_id, l.property_id FROM logged g JOIN bench_lane l USING (conversation_id)
    RETURNING change_id, seq, conversation_id, property_id)
INSERT INTO domiq_sync.delivery (change_id, seq, lane, property_id, in_turn, is_head)
SELECT change_id, seq, conversation_id, property_id, TRUE,
       row_number() OVER (PARTITION BY conversation_id ORDER BY seq) = 1 FROM placed ORDER BY seq
"""
_ENQUEUE_LANE = _ENQUEUE.replace(
    "(s.n + CAST(:after AS integer)) % 200000", "100000 + CAST(:after AS integer) + 0 * s.n"
)


if __name__ == "__main__":
    main()
