"""How long a replay of thresholds over a whole log takes, and one evaluation of the alerts beside it.

One JSON line. A million settled changes of 90 days at 1,000 properties, of which one in a hundred failed, and
more in bursts; an attempt each, a linked lead for each of 200,000 conversations, and 200,000 pulls. `limit`
is a plain SQL query that reads the same rows once: the log joined with its order, by property and hour.
`times_limit` is how many times as long the replay took (each the best of `--rounds`); `look_seconds` is one
evaluation of all kinds of trouble.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.embedded import running
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.alerts.backtest import Backtest, backtest
from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.alerts.thresholds import load_thresholds
from domiq_dagster.sync.integrations import load_integrations


@contextmanager
def database(given: Any) -> Iterator[Engine]:
    """A migrated database with the log, attempts, links and pulls of 90 days."""
    with tempfile.TemporaryDirectory(prefix="domiq-bench-") as directory:
        Path(directory).chmod(0o755)
        settings = {"max_wal_size": "8GB", "checkpoint_timeout": "30min"}
        with running(Path(directory) / "pg", settings=settings) as server:
            server.ensure_database("bench")
            engine = make_engine(server.url("bench"), statement_timeout_ms=0)
            migrate(engine)
            with engine.begin() as connection:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                for statement in _WORLD.split(";\n"):
                    connection.execute(
                        text(statement), {"changes": given.log, "properties": given.properties}
                    )
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
            yield engine
            engine.dispose()


def replayed(connection: Connection) -> Backtest:
    properties = load_integrations(connection)
    thresholds = load_thresholds(connection)
    settings = {p.property_id: thresholds.of(p.property_id) for p in properties}
    return backtest(connection, properties, settings)


def best(rounds: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """The shortest time of several, in seconds, and what the last one gave."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - began)
    return min(times), found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--log", type=int, default=1_000_000)
    options.add_argument("--properties", type=int, default=1_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    print("filling the log ...", file=sys.stderr, flush=True)
    with database(given) as engine, engine.connect() as connection:
        limit, _ = best(given.rounds, lambda: connection.execute(text(_PLAIN)).all())
        seconds, done = best(given.rounds, lambda: replayed(connection))
        connection.rollback()
        evaluate(engine)
        evaluation_seconds, _ = best(given.rounds, lambda: evaluate(engine))
    result = {
        "benchmark": "backtest_rate",
        **vars(given),
        "seconds": round(seconds, 2),
        "changes_per_second": round(given.log / seconds),
        "limit_seconds": round(limit, 2),
        "times_limit": round(seconds / limit, 2),
        "look_seconds": round(evaluation_seconds, 2),
        "alerts": {k.kind.value: len(k.firings) for k in done.kinds},
        "followed": {k.kind.value: k.followed for k in done.kinds},
    }
    print(json.dumps(result))


_WORLD = """
INSERT INTO public.company (name) VALUES ('Bench');
INSERT INTO public.property (company_id, name, address, city, state, zip_code)
SELECT c.id, 'Bench ' || n, '1 Main St', 'Austin', 'TX', '78701'
FROM public.company c, generate_series(1, :properties) n;
INSERT INTO public.chatbot (property_id, name) SELECT id, name FROM public.property;
INSERT INTO domiq_sync.account (resman_account_id) SELECT 'account ' || n FROM generate_series(0, 9) n;
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id, partition_key)
SELECT id, 'account ' || substr(name, 7)::int % 10, id::text, name FROM public.property;
INSERT INTO public.conversation (chatbot_id, status)
SELECT b.id, 'contacted' FROM public.chatbot b, generate_series(1, 200000 / :properties);
CREATE TABLE bench_lane AS
SELECT row_number() OVER (ORDER BY c.id) - 1 AS n, c.id AS conversation_id, b.property_id
FROM public.conversation c JOIN public.chatbot b ON b.id = c.chatbot_id;
CREATE UNIQUE INDEX ON bench_lane (n);
CREATE TABLE bench_change AS
SELECT gen_random_uuid() AS id, l.conversation_id, l.property_id,
       now() - s.n::float / :changes * interval '90 days' AS at,
       hashint8(s.n) % 100 = 0 OR (hashint8(s.n) % 20 = 0 AND s.n * 1000 / :changes % 10 = 0) AS failed
FROM generate_series(1, :changes) s(n) JOIN bench_lane l ON l.n = s.n % 200000;
INSERT INTO public.status_sync_log (id, conversation_id, old_status, new_status, updated_by, sync_direction,
                                    sync_status, context_data, created_at)
SELECT id, conversation_id, 'new', 'contacted', 'chatbot', 'to_resman',
       CASE WHEN failed THEN 'failed' ELSE 'success' END,
       jsonb_build_object('sync', jsonb_build_object(
           'outcome', CASE WHEN failed THEN 'refused' ELSE 'sent' END)), at
FROM bench_change ORDER BY at;
INSERT INTO domiq_sync.change (change_id, conversation_id, property_id, logged_at, notified_at)
SELECT id, conversation_id, property_id, at, at FROM bench_change ORDER BY at;
INSERT INTO domiq_sync.attempt (change_id, lease_token, worker, action, outcome, started_at, duration_ms)
SELECT id, 1, 'bench', 'tell', 'ok',
       at + CASE WHEN hashint8(hashtext(id::text)) % 5000 = 0 THEN interval '2 h' ELSE interval '5 s' END, 100
FROM bench_change ORDER BY at;
INSERT INTO domiq_sync.watermark (property_id, last_pull_at) SELECT id, now() FROM public.property;
INSERT INTO domiq_sync.pull (property_id, full_read, modified_since, started_at, finished_at, fetched, stored,
                             linked)
SELECT p.id, FALSE, now(), now() - n * interval '30 min', now() - n * interval '30 min', 1, 1, 0
FROM (SELECT id FROM public.property ORDER BY id LIMIT 50) p, generate_series(0, 4320) n WHERE n % 1000 > 5;
INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, linked_by, agreed_domiq_status,
                                  agreed_resman_status)
SELECT conversation_id, property_id, n::text, 'email', 'contacted', 'Prospect' FROM bench_lane;
INSERT INTO domiq_sync.resman_lead (property_id, prospect_id, status, effective_status, content_hash, read_at,
                                    stored_at)
SELECT property_id, n::text, 'Prospect', 'Prospect', '', now(), now() - interval '1 day' FROM bench_lane
"""
_PLAIN = """
SELECT c.property_id, floor(EXTRACT(EPOCH FROM c.logged_at) / 3600),
       count(*) FILTER (WHERE g.sync_status = 'failed')
FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id GROUP BY 1, 2
"""

if __name__ == "__main__":
    main()
