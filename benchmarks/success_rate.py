"""The success rate, and what it costs to keep: one JSON line a size of the log, and one for all of them.

Of a database with 1,000 properties and 200,000 conversations, whose log holds so many changes:
  read_ms      the view status_sync_success_rate, all rows fetched, with nothing waiting to be folded;
               read_cpu_ms: what of it is the server's processor time
  unfolded_ms  the same with the notes of 1,000 changes and 20 moved conversations waiting
  design_ms    the design's own query in the same session, which is today's way
  status_ms    the figures of `domiq-sync status`; daily_ms: the count of a day; conservation_ms: that check
  insert       a change that the application logs; captured: a status that it changes; bulk: 1,000 changes by
               one statement; settle: 500 changes settled by one. Each with the triggers that keep totals and
               without them, in turns, in transactions of their own, in milliseconds a statement, and the
               share of both: of the processor time of the server's process, which other work on the
               machine does not change; ms_with and ms_without are the clock's
  recount_s    the nightly count of the whole log, in slices
  writers      16 sessions that log and settle, one that folds, one that moves conversations and chatbots, one
               that deletes conversations, all at once: statements a second, deadlocks, and whether the view
               and the design's query agree at the end
The medians of several rounds. The limits: read_ms <= 10, flat within 1.2 over the sizes; each share <= 1.2;
no deadlock. Of the log only the newest million has a place in the order, at which no total looks: `--placed`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, text

from domiq_dagster.db.embedded import running
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.log_index import ensure_log_index
from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.monitoring import figures, log_totals
from domiq_dagster.sync.report import daily

PROPERTIES, CONVERSATIONS = 1_000, 200_000
_TRIGGERS = [
    *(("status_sync_log", f"domiq_sync_count_{event}") for event in ("insert", "update", "delete")),
    *(("conversation", f"domiq_sync_home_{event}") for event in ("moved", "came_or_went")),
]
DESIGN = """
SELECT b.property_id, COUNT(*) FILTER (WHERE ssl.sync_status = 'success')::float / NULLIF(COUNT(*), 0) * 100,
       COUNT(*) FILTER (WHERE ssl.sync_status = 'failed')
FROM conversation c LEFT JOIN chatbot b ON b.id = c.chatbot_id
JOIN status_sync_log ssl ON ssl.conversation_id = c.id GROUP BY 1
"""
VIEW = "SELECT * FROM status_sync_success_rate"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--log", type=int, nargs="+", default=[1_000_000, 10_000_000])
    options.add_argument("--placed", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--statements", type=int, default=300, help="of each kind in a round")
    options.add_argument("--writers", type=int, default=16)
    options.add_argument("--seconds", type=float, default=30.0, help="that the writers write")
    options.add_argument("--directory", type=Path, help="where the database is made")
    given = options.parse_args()
    found = []
    with database(given.directory) as (engine, url):
        for size in sorted(given.log):
            say(f"filling the log up to {size} ...")
            fill(engine, size, given.placed)
            found.append({"benchmark": "success_rate", "log": size, **measure(engine, url, given)})
            print(json.dumps(found[-1]), flush=True)
    reads = [f["read_ms"] for f in found]
    cpus = [f["read_cpu_ms"] for f in found]
    shares = [f[kind]["share"] for f in found for kind in KINDS]
    print(
        json.dumps(
            {
                "benchmark": "success_rate",
                "logs": [f["log"] for f in found],
                "read_ms": reads,
                "read_growth": round(reads[-1] / reads[0], 2),
                "read_cpu_ms": cpus,
                "read_cpu_growth": round(cpus[-1] / cpus[0], 2),
                "worst_share": max(shares),
                "deadlocks": sum(f["writers"]["deadlocks"] for f in found),
                "exact": all(f["writers"]["exact"] for f in found),
            }
        )
    )


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


@contextmanager
def database(directory: Path | None) -> Iterator[tuple[Engine, str]]:
    """A migrated database with durable writes and 1,000 properties, its log empty."""
    settings = {"shared_buffers": "3GB", "max_wal_size": "4GB", "checkpoint_timeout": "30min"}
    with tempfile.TemporaryDirectory(prefix="domiq-bench-", dir=directory) as place:
        Path(place).chmod(0o755)
        with running(Path(place) / "pg", settings=settings) as server:
            server.ensure_database("bench")
            engine = make_engine(server.url("bench"), statement_timeout_ms=0, pool_size=5)
            try:
                migrate(engine, log_index=False)
                with engine.begin() as connection:
                    connection.execute(text("SET LOCAL session_replication_role = replica"))
                    sizes = {"properties": PROPERTIES, "each": CONVERSATIONS // PROPERTIES}
                    for statement in _WORLD.split(";\n"):
                        connection.execute(text(statement), sizes)
                yield engine, server.url("bench")
            finally:
                engine.dispose()


def fill(engine: Engine, size: int, placed: int) -> None:
    """Settled changes until the log holds `size`, counted as after a migration: nothing of them was noted."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for leftover in _TIDY:
            connection.execute(text(leftover))
        there = connection.scalar(text("SELECT count(*) FROM status_sync_log")) or 0
    step = 1_000_000
    while there < size:
        now = min(step, size - there)
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(_HISTORY), {"first": there + 1, "last": there + now})
            if there + now > size - placed:
                connection.execute(text(_PLACES))
        there += now
    ensure_log_index(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def measure(engine: Engine, url: str, given: Any) -> dict[str, Any]:
    say("counting ...")
    counted = seconds(lambda: log_totals.recount(engine))
    say("reading ...")
    with psycopg.connect(url, autocommit=True) as session:
        result: dict[str, Any] = {"read_ms": read(session, VIEW), "read_cpu_ms": read_cpu(session, VIEW)}
        result["design_ms"] = read(session, DESIGN, 3)
        session.execute(_MOVE_SOME)
        session.execute(_LOG, {"first": 0, "count": 1000})
        result["unfolded_ms"] = read(session, VIEW)
        result["unfolded_design_ms"] = read(session, DESIGN, 1)
    result["fold_s"] = round(seconds(lambda: log_totals.fold(engine)), 3)
    with engine.connect() as connection:
        result["status_ms"] = of(lambda: figures.property_figures(connection), 5)
        result["conservation_ms"] = of(lambda: figures.conservation_problems(connection), 5)
        result["daily_ms"] = of(lambda: daily.count_day(connection, datetime.now(UTC).date()), 3)
        connection.rollback()
    result["recount_s"] = round(counted, 1)
    say("writing with and without ...")
    result |= compare(engine, url, given)
    say(f"{given.writers} writers for {given.seconds:.0f} s ...")
    log_totals.keep(engine)
    result["writers"] = writers(engine, url, given)
    log_totals.fold(engine)
    with psycopg.connect(url, autocommit=True) as session:
        result["afterwards_ms"] = read(session, VIEW)
    return result


def seconds(do: Callable[[], Any]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def of(do: Callable[[], Any], rounds: int) -> float:
    """The median in milliseconds."""
    return round(1000 * statistics.median(seconds(do) for _ in range(rounds)), 2)


def read(session: Any, query: str, rounds: int = 41) -> float:
    session.execute(query).fetchall()  # it is planned once a session
    return of(lambda: session.execute(query).fetchall(), rounds)


def read_cpu(session: Any, query: str, rounds: int = 41) -> float:
    taken = []
    for _ in range(rounds):
        began = cpu(session)
        session.execute(query).fetchall()
        taken.append(cpu(session) - began)
    return round(statistics.median(taken), 2)


def cpu(session: Any) -> float:
    """What the session's process at the server has used of a processor, in milliseconds."""
    return int(Path(f"/proc/{session.info.backend_pid}/schedstat").read_text().split()[0]) / 1e6


KINDS: dict[str, Callable[[Any, int], object]] = {
    "insert": lambda session, n: session.execute(_LOG, {"first": n, "count": 1}),
    "captured": lambda session, n: session.execute(_CAPTURE, {"n": n}),
    "bulk": lambda session, n: session.execute(_LOG, {"first": n * 1000, "count": 1000}),
    "settle": lambda session, n: session.execute(_SETTLE),
}
_SHARE = {"insert": 1, "captured": 1, "bulk": 50, "settle": 50}
"""Of how many statements of a round each kind has one."""


def compare(engine: Engine, url: str, given: Any) -> dict[str, Any]:
    """What each kind of statement takes with the triggers and without, in turns."""
    hows = ("ms_with", "ms_without", "cpu_with", "cpu_without")
    taken: dict[str, dict[str, list[float]]] = {kind: {how: [] for how in hows} for kind in KINDS}
    at = 1
    with psycopg.connect(url, autocommit=True) as session:
        for round_ in range(given.rounds):
            for how in ("with", "without") if round_ % 2 else ("without", "with"):
                switch(session, on=how == "with")
                for kind, do in KINDS.items():
                    times, used = [], []
                    for _ in range(max(7, given.statements // _SHARE[kind])):
                        began = cpu(session)
                        times.append(1000 * seconds(lambda: do(session, at)))  # noqa: B023
                        used.append(cpu(session) - began)
                        at += 1
                    taken[kind][f"ms_{how}"].append(statistics.median(times))
                    taken[kind][f"cpu_{how}"].append(statistics.median(used))
        switch(session, on=True)
    return {
        kind: {
            **{how: round(statistics.median(each), 3) for how, each in by_how.items()},
            "share": round(
                statistics.median(
                    w / o for w, o in zip(by_how["cpu_with"], by_how["cpu_without"], strict=True)
                ),
                3,
            ),
        }
        for kind, by_how in taken.items()
    }


def switch(session: Any, *, on: bool) -> None:
    for table, trigger in _TRIGGERS:
        session.execute(f"ALTER TABLE {table} {'ENABLE' if on else 'DISABLE'} TRIGGER {trigger}")


def writers(engine: Engine, url: str, given: Any) -> dict[str, Any]:
    """Everybody at once. Each statement is a transaction; what fails is counted by its SQLSTATE."""
    end = time.perf_counter() + given.seconds
    done: Counter[str] = Counter()
    failed: Counter[str] = Counter()

    def loop(name: str, statements: list[str], number: int) -> None:
        with psycopg.connect(url, autocommit=True) as session:
            n = number * 7919
            while time.perf_counter() < end:
                n += 104_729
                try:
                    given_n = {"n": n, "first": n, "count": 3}
                    session.execute(statements[n % len(statements)].encode(), given_n)
                    done[name] += 1
                except psycopg.Error as error:
                    failed[error.sqlstate or "lost"] += 1

    def folds() -> None:
        while time.perf_counter() < end:
            done["folded"] += log_totals.fold(engine)
            time.sleep(0.05)

    threads = [threading.Thread(target=loop, args=("written", [_LOG, _SETTLE_ONE, _CAPTURE, _LOG_TWO], n))
               for n in range(given.writers)]  # fmt: skip
    threads.append(threading.Thread(target=loop, args=("moved", [_MOVE, _MOVE_CHATBOT], 50)))
    threads.append(threading.Thread(target=loop, args=("deleted", [_DELETE], 60)))
    threads.append(threading.Thread(target=folds))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(url) as session:
        [(ours, theirs)] = session.execute(
            f"SELECT (SELECT array_agg(v::text ORDER BY v::text) FROM ({VIEW}) v), "
            f"(SELECT array_agg(d::text ORDER BY d::text) FROM ({DESIGN}) d)".encode()
        ).fetchall()
    with engine.connect() as connection:
        counted = log_totals.totals_state(connection).is_counted
    return {
        "per_second": round(done["written"] / given.seconds),
        **{name: done[name] for name in ("moved", "deleted", "folded")},
        "deadlocks": failed.pop("40P01", 0),
        "failed": dict(failed),
        "counted": counted,
        "exact": ours == theirs,
    }


_WORLD = """
INSERT INTO public.company (name) VALUES ('Bench');
INSERT INTO public.property (company_id, name, address, city, state, zip_code)
SELECT c.id, 'Bench ' || n, '1 Main St', 'Austin', 'TX', '78701'
FROM public.company c, generate_series(1, :properties) n;
INSERT INTO public.chatbot (property_id, name) SELECT id, name FROM public.property;
INSERT INTO domiq_sync.account (resman_account_id) VALUES ('1');
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id, partition_key)
SELECT id, '1', id::text, name FROM public.property;
INSERT INTO public.conversation (chatbot_id, status)
SELECT b.id, 'new' FROM public.chatbot b, generate_series(1, :each);
CREATE TABLE bench AS SELECT row_number() OVER (ORDER BY c.id) - 1 AS n, c.id, b.property_id
FROM public.conversation c JOIN public.chatbot b ON b.id = c.chatbot_id;
CREATE UNIQUE INDEX ON bench (n)
"""
_HISTORY = """
INSERT INTO public.status_sync_log (id, conversation_id, resman_lead_id, old_status, new_status, updated_by,
                                    sync_direction, sync_status, context_data, created_at)
SELECT gen_random_uuid(), b.id, 'lead-' || b.n, 'new',
       (ARRAY['contacted', 'qualified', 'tour_scheduled'])[1 + s.n % 3], 'chatbot',
       CASE WHEN s.n % 4 = 0 THEN 'from_resman' ELSE 'to_resman' END,
       CASE WHEN s.n % 100 = 7 THEN 'failed' ELSE 'success' END, '{"sync": {"outcome": "sent"}}',
       now() - interval '2 days' - s.n * interval '3 seconds'
FROM generate_series(:first, :last) s(n) JOIN bench b ON b.n = s.n % 200000
"""
_PLACES = """
INSERT INTO domiq_sync.change (change_id, conversation_id, property_id, logged_at, notified_at, ruled_at)
SELECT g.id, g.conversation_id, b.property_id, g.created_at, now(), now()
FROM public.status_sync_log g JOIN bench b ON b.id = g.conversation_id
WHERE g.created_at > (SELECT max(created_at) - interval '3000000 seconds' FROM public.status_sync_log)
ON CONFLICT DO NOTHING
"""
_TIDY = (
    "DELETE FROM public.status_sync_log WHERE created_at > now() - interval '1 day'",
    "DELETE FROM domiq_sync.delivery",
    "DELETE FROM domiq_sync.change c WHERE NOT EXISTS "
    "(SELECT FROM public.status_sync_log g WHERE g.id = c.change_id)",
)
_OF = "SELECT id FROM bench WHERE n = %(n)s %% 200000"
_LOG = """
INSERT INTO status_sync_log (conversation_id, old_status, new_status, updated_by, sync_direction, sync_status)
SELECT c.id, 'contacted', 'qualified', 'chatbot', 'to_resman', 'pending'
FROM generate_series(%(first)s, %(first)s + %(count)s - 1) s(n) JOIN bench b ON b.n = s.n %% 200000
JOIN conversation c ON c.id = b.id
"""
_LOG_TWO = f"""
WITH logged AS (
    INSERT INTO status_sync_log (conversation_id, new_status, sync_direction, sync_status)
    SELECT c.id, 'lost', 'from_resman', 'success' FROM conversation c WHERE c.id = ({_OF}) RETURNING id)
UPDATE status_sync_log g SET sync_status = 'failed'
WHERE g.id = (SELECT l.id FROM status_sync_log l WHERE l.conversation_id = ({_OF}) LIMIT 1)
"""
_CAPTURE = f"""
UPDATE conversation SET status = CASE status WHEN 'contacted' THEN 'qualified' ELSE 'contacted' END
WHERE id = ({_OF})
"""
_SETTLE = """
WITH removed AS (
    DELETE FROM domiq_sync.delivery
    WHERE change_id = ANY (ARRAY(SELECT d.change_id FROM domiq_sync.delivery d LIMIT 500)) RETURNING change_id
), recorded AS (
    INSERT INTO domiq_sync.attempt (change_id, lease_token, worker, action, outcome, started_at, duration_ms)
    SELECT change_id, 1, 'bench', 'tell', 'ok', now(), 100 FROM removed
)
UPDATE status_sync_log g SET sync_status = 'success', context_data = '{"sync": {"outcome": "sent"}}'
FROM removed WHERE g.id = removed.change_id AND COALESCE(g.sync_status, '') = 'pending'
"""
_SETTLE_ONE = f"""
UPDATE status_sync_log SET sync_status = CASE sync_status WHEN 'pending' THEN 'success' ELSE 'pending' END
WHERE id = (SELECT g.id FROM status_sync_log g WHERE g.conversation_id = ({_OF}) LIMIT 1)
"""
_MOVE = f"""
UPDATE conversation SET chatbot_id = (SELECT b.id FROM chatbot b OFFSET %(n)s %% 1000 LIMIT 1)
WHERE id = ({_OF})
"""
_MOVE_CHATBOT = """
UPDATE chatbot SET property_id = (SELECT p.id FROM property p WHERE NOT EXISTS (
    SELECT FROM chatbot o WHERE o.property_id = p.id) LIMIT 1)
WHERE id = (SELECT b.id FROM chatbot b OFFSET %(n)s %% 1000 LIMIT 1)
  AND EXISTS (SELECT FROM property p WHERE NOT EXISTS (SELECT FROM chatbot o WHERE o.property_id = p.id))
"""
_DELETE = f"DELETE FROM conversation WHERE id = ({_OF})"
_MOVE_SOME = """
UPDATE conversation SET chatbot_id = (SELECT b.id FROM chatbot b ORDER BY b.id LIMIT 1)
WHERE id IN (SELECT id FROM bench WHERE n < 20)
"""


if __name__ == "__main__":
    main()
