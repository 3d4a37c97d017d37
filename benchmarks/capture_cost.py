"""What the capture trigger costs DomIQ's updates, in microseconds a row.

One JSON line. An update touches neither status nor tour, as most do; rows of one table, by turns in one
database, so that a machine that is busy for a while is busy for all; each figure is the median of the rounds.
  none         without the sync's trigger
  status       the trigger looks at the status alone, as where DomIQ has no column for tours
  tours        it looks at tours as well
  moved        with that trigger, every tour moves: each row is logged and queued
  changed      the same of a change of status, to hold the other against
The limit: looking at tours costs at most `--most` microseconds a row more than looking at the status alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine, text

from domiq_dagster.db.embedded import running
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import migrate

_FILL = """
WITH made AS (INSERT INTO company(name) VALUES ('Company') RETURNING id),
place AS (INSERT INTO property(company_id, name, address, city, state, zip_code)
          SELECT id, 'Place', '1 Main', 'X', 'TX', '1' FROM made RETURNING id),
bot AS (INSERT INTO chatbot(property_id, name) SELECT id, 'bot' FROM place RETURNING id)
INSERT INTO conversation(chatbot_id, status, lead_score, tour_datetime)
SELECT bot.id, 'tour_scheduled', 1, '2027-02-02 15:00' FROM bot CROSS JOIN generate_series(1, :rows)
"""
_TRIGGER = (
    "CREATE OR REPLACE TRIGGER domiq_sync_capture_update AFTER UPDATE ON conversation "
    "FOR EACH ROW EXECUTE FUNCTION domiq_sync.capture_status({})"
)
_TOUCH = "UPDATE conversation SET lead_score = lead_score + 1"
_CHANGE = (
    "UPDATE conversation SET status = CASE status WHEN 'contacted' THEN 'qualified' ELSE 'contacted' END "
    "WHERE id = ANY (:ids)"
)
_MOVE = "UPDATE conversation SET tour_datetime = tour_datetime + interval '1 hour' WHERE id = ANY (:ids)"
VARIANTS = {
    "none": "DROP TRIGGER IF EXISTS domiq_sync_capture_update ON conversation",
    "status": _TRIGGER.format(""),
    "tours": _TRIGGER.format("'tour_datetime'"),
}


def measure(engine: Engine, rows: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds a row, of each variant and round."""
    took: dict[str, list[float]] = {name: [] for name in (*VARIANTS, "moved", "changed")}
    with engine.connect() as connection:
        ids = list(connection.scalars(text("SELECT id FROM conversation LIMIT 400")))
    for _ in range(rounds):
        for name, trigger in VARIANTS.items():
            with engine.begin() as connection:
                connection.execute(text(trigger))
            took[name].append(timed(engine, _TOUCH) / rows)
        for name, statement, some in (("moved", _MOVE, ids[:200]), ("changed", _CHANGE, ids[200:])):
            took[name].append(timed(engine, statement, ids=some) / len(some))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM conversation"))
    return took


def timed(engine: Engine, statement: str, **values: object) -> float:
    """Microseconds that a statement takes."""
    with engine.begin() as connection:
        begun = time.perf_counter()
        connection.execute(text(statement), values)
        return (time.perf_counter() - begun) * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--most", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="domiq-bench-") as directory:
        Path(directory).chmod(0o755)
        with running(Path(directory) / "pg", durable=False) as server:
            server.ensure_database("bench")
            engine = make_engine(server.url("bench"), statement_timeout_ms=0)
            migrate(engine)
            with engine.begin() as connection:
                connection.execute(text(_FILL), {"rows": options.rows})
            took = measure(engine, options.rows, options.rounds)
            engine.dispose()
    more = statistics.median(t - s for s, t in zip(took["status"], took["tours"], strict=True))
    figures = {f"{name}_us_a_row": round(statistics.median(of), 2) for name, of in took.items()}
    result = {
        "benchmark": "capture_cost",
        **figures,
        "tours_cost_us": round(more, 2),
        "limit_us": options.most,
    }
    print(json.dumps({**result, "ok": more <= options.most}))
    return 0 if more <= options.most else 1


if __name__ == "__main__":
    sys.exit(main())
