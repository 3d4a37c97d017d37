"""How long the workflow rules take per change.

One JSON line: `--changes` changes at one property against `--rules` rules, every one of which has the status
of every change as its trigger, and no two of which ask the same. `ran` counts rules that ran (tasks, scores,
moves), `not_held` those that were asked and did not. What the rules' own moves add is looked at within the
same time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from domiq_dagster.db.embedded import running
from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.rules import run_rules
from domiq_dagster.wiring import open_engine

LIMIT_MS = 2.0


def conditions(n: int) -> dict[str, Any]:
    """The conditions of rule n, no two alike; about one in a hundred holds."""
    kinds: list[dict[str, Any]] = [
        {"lead_score": {"gte": 96 + n % 7, "lt": 10_000 + n}, "message_count": {"gt": 4}},
        {
            "message_count": 3 + n % 5,
            "time_of_day": "business_hours",
            "context_data.urgency_level": f"level {n}",
        },
        {
            "conversation_duration": {"between": [n % 60, n % 60 + 1]},
            "source": "web",
            "occupants_count": None,
        },
        {
            "any": [
                {"lead_score": {"lt": -n}},
                {"all": [{"has_pets": True}, {"message_count": {"gt": 9 + n}}]},
            ]
        },
    ]
    return kinds[n % 4]


_ACTIONS: list[list[dict[str, Any]]] = [
    [{"type": "create_task", "config": {"title": "Call", "delay_days": 1, "at": "09:00"}}],
    [{"type": "update_lead_score", "config": {"add": 5}}],
    [{"type": "schedule_follow_up", "config": {"delay_hours": 4}}],
    [],
]
_WORLD = """
WITH c AS (INSERT INTO public.company (name) VALUES ('Bench') RETURNING id)
INSERT INTO public.property (company_id, name, address, city, state, zip_code)
SELECT id, 'Bench', '1 Main St', 'Austin', 'TX', '78701' FROM c;
INSERT INTO public.chatbot (property_id, name) SELECT id, 'bot' FROM public.property;
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id, time_zone)
SELECT id, '1', 'x', 'America/Chicago' FROM public.property;
"""
_CONVERSATIONS = """
INSERT INTO public.conversation (chatbot_id, status, lead_score, source, has_pets, start_time)
SELECT b.id, 'active', n % 100, CASE n % 3 WHEN 0 THEN 'web' ELSE 'phone' END, n % 2 = 0,
       now() - (n % 90) * interval '1 minute'
FROM public.chatbot b, generate_series(1, :n) n
"""
_MESSAGES = """
INSERT INTO public.message (conversation_id, sender_type, message_text, "timestamp")
SELECT c.id, 'user', 'hello', now() - interval '1 minute'
FROM public.conversation c, LATERAL generate_series(1, c.lead_score % 10) n
"""


def prepare(engine: Engine, changes: int, rules: int) -> None:
    """A connected property with its rules, and as many logged changes that no rule has looked at."""
    with engine.begin() as connection:
        for statement in _WORLD.split(";\n"):
            connection.execute(text(statement))
        connection.execute(text(_CONVERSATIONS), {"n": changes})
        connection.execute(text(_MESSAGES))
        connection.execute(
            text(
                "INSERT INTO public.status_workflow_rules "
                "(property_id, trigger_status, target_status, conditions, actions) "
                "SELECT id, 'contacted', :target, CAST(:c AS jsonb), CAST(:a AS jsonb) FROM public.property"
            ),
            [
                {
                    "target": "qualified" if n == 6 else None,
                    "c": json.dumps(conditions(n)),
                    "a": json.dumps(_ACTIONS[n // 4 % 4]),
                }
                for n in range(rules)
            ],
        )
    with engine.begin() as connection:
        connection.execute(text("UPDATE public.conversation SET status = 'contacted'"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--changes", type=int, default=10_000)
    options.add_argument("--rules", type=int, default=200)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="domiq-bench-") as directory:
        Path(directory).chmod(0o755)
        with running(Path(directory) / "pg") as server:
            server.ensure_database("bench")
            with open_engine(server.url("bench"), check=False) as engine:
                migrate(engine)
                print("filling ...", file=sys.stderr)
                prepare(engine, given.changes, given.rules)
                print("running the rules ...", file=sys.stderr)
                began = time.perf_counter()
                run = run_rules(engine, seconds=600)
                seconds = time.perf_counter() - began
    moves = run.total("moves")
    assert run.in_time and run.total("changes") == given.changes + moves, run
    assert run.total("ran") + run.total("not_held") == given.changes * given.rules, run
    result = {
        "benchmark": "rules_rate",
        **vars(given),
        "seconds": round(seconds, 2),
        "ran": run.total("ran"),
        "not_held": run.total("not_held"),
        "moves": moves,
        "tasks": run.total("tasks") + run.total("follow_ups"),
        "ms_per_change": round(1000 * seconds / given.changes, 3),
        "limit": LIMIT_MS,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
