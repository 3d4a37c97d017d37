"""How fast old rows go, and what the application notices of it.

One JSON line: `--conversations` conversations with five settled changes each, two attempts to each change.
All attempts go; then all changes but each conversation's last one move to the archive. `limit` is what one
statement that deletes (moves) the same rows does, measured in the same run and undone. Meanwhile a session
writes a status every 5 ms: `write_ms` has its p50 and p99, without and with a housekeeping beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from sqlalchemy import Engine, text

from domiq_dagster.db.embedded import running
from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.housekeeping.housekeeping import keep_house
from domiq_dagster.sync.housekeeping.retention import Retention
from domiq_dagster.wiring import open_engine

_WORLD = """
SET session_replication_role = replica;
WITH c AS (INSERT INTO public.company (name) VALUES ('Bench') RETURNING id)
INSERT INTO public.property (company_id, name, address, city, state, zip_code)
SELECT id, 'Bench', '1 Main St', 'Austin', 'TX', '78701' FROM c;
INSERT INTO public.chatbot (property_id, name) SELECT id, 'bot' FROM public.property;
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id, partition_key,
    connected_at)
SELECT id, '1', 'x', 'bench', now() - interval '2 years' FROM public.property;
INSERT INTO public.conversation (chatbot_id, status)
SELECT b.id, 'lost' FROM public.chatbot b, generate_series(1, {conversations});
INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
    updated_by, sync_direction, sync_status, context_data, created_at)
SELECT c.id, c.id, 'new', 'contacted', 'asked for a tour', 'chatbot', 'to_resman', 'success',
    '{{"sync": {{"outcome": "sent", "event_ids": ["1", "2"]}}}}', now() - (400 - n * 30) * interval '1 day'
FROM generate_series(1, 5) AS n, public.conversation c;
INSERT INTO domiq_sync.change (change_id, conversation_id, property_id, logged_at, ruled_at, notified_at,
    logged_by)
SELECT g.id, g.conversation_id, p.id, g.created_at, g.created_at, g.created_at, 'trigger'
FROM public.status_sync_log g, public.property p ORDER BY g.created_at;
INSERT INTO domiq_sync.attempt (change_id, lease_token, worker, action, outcome, detail, started_at,
    duration_ms)
SELECT c.change_id, 1, 'worker', 'tell', 'ok', '{{"marker": "abc", "event_type": "Other",
    "event_date": "2020-01-01T00:00:00"}}', c.logged_at, 100 FROM domiq_sync.change c, generate_series(1, 2);
SET session_replication_role = origin;
"""
_OLD = "c.seq <= {moving}"
_MOVE = """
WITH chosen AS MATERIALIZED (SELECT c.* FROM domiq_sync.change c WHERE {old}), archived AS (
    INSERT INTO domiq_sync.status_sync_log_archive (id, conversation_id, resman_lead_id, old_status,
        new_status, status_reason, updated_by, sync_direction, sync_status, context_data, created_at, seq,
        property_id, logged_at, change, rules)
    SELECT g.*, h.seq, h.property_id, h.logged_at, to_jsonb(h), '[]'
    FROM chosen h JOIN public.status_sync_log g ON g.id = h.change_id)
DELETE FROM public.status_sync_log g USING chosen h WHERE g.id = h.change_id
"""
_MONTHS = (
    "SELECT domiq_sync.make_archive_month((now() - n * interval '28 days')::date) "
    "FROM generate_series(0, 20) n"
)


def undone(engine: Engine, statement: str) -> float:
    """How many rows a second one statement does; it is undone."""
    with engine.connect() as connection:
        began = time.perf_counter()
        rows = connection.execute(text(statement)).rowcount
        took = time.perf_counter() - began
        connection.rollback()
    return rows / took


class Writer:
    """An application that writes a status every 5 ms. `milliseconds`: how long each took."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._ended = engine, threading.Event()
        self.milliseconds: list[float] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with self._engine.connect() as connection:
            ids = list(connection.scalars(text("SELECT id FROM public.conversation ORDER BY id LIMIT 100")))
            connection.rollback()
            n = 0
            while not self._ended.wait(0.005):
                n += 1
                began = time.perf_counter()
                connection.execute(
                    text("UPDATE public.conversation SET status = :s WHERE id = :id"),
                    {"s": ("qualified", "contacted")[n // 100 % 2], "id": ids[n % 100]},
                )
                connection.commit()
                self.milliseconds.append((time.perf_counter() - began) * 1000)

    def percentiles(self) -> dict[str, float]:
        found = sorted(self.milliseconds)
        return {f"p{p}": round(found[int(len(found) * p / 100)], 2) for p in (50, 99)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--conversations", type=int, default=40_000)
    conversations: int = parser.parse_args().conversations
    with tempfile.TemporaryDirectory(prefix="domiq-bench-") as directory:
        Path(directory).chmod(0o755)
        with running(Path(directory) / "pg") as server:
            server.ensure_database("bench")
            with open_engine(server.url("bench"), check=False) as engine:
                migrate(engine)
                with engine.begin() as connection:
                    for statement in _WORLD.format(conversations=conversations).split(";\n"):
                        if statement.strip():
                            connection.execute(text(statement))
                    connection.execute(text(_MONTHS))
                with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.execute(text("VACUUM ANALYZE"))
                limits = {
                    "log": undone(engine, _MOVE.format(old=_OLD.format(moving=4 * conversations))),
                    "attempts": undone(engine, "DELETE FROM domiq_sync.attempt"),
                }
                with Writer(engine) as alone:
                    time.sleep(5)
                rates, rows, problems = {}, {}, []
                with Writer(engine) as beside:
                    for kind, retention in (
                        ("attempts", Retention()),
                        ("log", Retention(archive_after_days=90)),
                    ):
                        began = time.perf_counter()
                        done = keep_house(engine, retention, seconds=3600)
                        took = time.perf_counter() - began
                        rows[kind] = done.kinds[kind].rows
                        rates[kind] = round(rows[kind] / took)
                        problems += done.problems
    print(
        json.dumps(
            {
                "benchmark": "housekeeping_rate",
                "conversations": conversations,
                "rows": rows,
                "rows_per_second": rates,
                "limit_rows_per_second": {name: round(rate) for name, rate in limits.items()},
                "write_ms": {"alone": alone.percentiles(), "beside": beside.percentiles()},
                "ok": not problems,
            }
        )
    )
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
