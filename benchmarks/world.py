"""What the benchmarks share: a throw-away PostgreSQL and stand-in, and linked leads to push changes for."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from sqlalchemy import Engine, text

from domiq_dagster.db.embedded import running
from domiq_dagster.db.migrate import migrate
from domiq_dagster.demo.stage import API_KEY, PARTNER_ID, standin
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.wiring import open_client, open_engine


@dataclass(frozen=True, slots=True)
class World:
    engine: Engine
    client: ResManClient
    standin_url: str
    url: str
    config: ResManConfig


@contextmanager
def world(*, pool_size: int = 20) -> Iterator[World]:
    """A migrated database with durable writes, and a stand-in whose world is empty until `fill`."""
    with (
        tempfile.TemporaryDirectory(prefix="domiq-bench-") as directory,
        standin(1, None) as url,
    ):
        Path(directory).chmod(0o755)
        with running(Path(directory) / "pg") as server:
            server.ensure_database("bench")
            config = ResManConfig(url, url, PARTNER_ID, API_KEY)
            with open_engine(server.url("bench"), check=False, pool_size=pool_size) as engine:
                migrate(engine)
                with open_client(config, server.url("bench")) as client:
                    yield World(engine, client, url, server.url("bench"), config)


def fill(
    world: World,
    *,
    accounts: int,
    leads: int,
    properties_each: int = 1,
    age: timedelta = timedelta(0),
) -> None:
    """`accounts` accounts with one property each, or so many, and `leads` linked leads at each property,
    agreed as 'new' and Prospect, and last modified as long ago as `age` says. No change is pending
    afterwards."""
    modified = (datetime.now(UTC) - age).isoformat()
    properties, prospects = [], []
    for a in range(accounts * properties_each):
        properties.append(
            {
                "propertyId": _guid("b", a),
                "accountId": str(1000 + a // properties_each),
                "name": f"Bench {a}",
                "timeZone": "America/Chicago",
            }
        )
        for n in range(leads):
            prospects.append(
                {
                    "prospectId": _guid("c", a * leads + n),
                    "propertyId": _guid("b", a),
                    "status": "Prospect",
                    "lastModified": modified,
                    "people": [
                        {
                            "personId": _guid("d", a * leads + n),
                            "firstName": "Ada",
                            "lastName": f"Bench{n}",
                            "email": f"ada.{a}.{n}@example.com",
                            "isMainContact": True,
                        }
                    ],
                }
            )
    body = {
        "world": {
            "accounts": sorted({p["accountId"] for p in properties}),
            "properties": properties,
            "prospects": prospects,
        }
    }
    requests.post(f"{world.standin_url}/_standin/reset", json=body, timeout=120).raise_for_status()
    with world.engine.begin() as connection:
        values = {"properties": accounts * properties_each, "each": properties_each}
        connection.execute(text(_FILL_DOMIQ), values)
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_FILL_CONVERSATIONS), {"leads": leads})
        connection.execute(text(_FILL_LINKS))
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def history(world: World, changes: int) -> None:
    """`changes` settled changes of the leads that are there, with their attempts, as the past left them."""
    with world.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_HISTORY), {"changes": changes})
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def latency(world: World, seconds: float) -> float:
    """Sets the stand-in's latency and returns what one post really takes, in seconds (median of 15)."""
    switches = {"switches": {"latency_ms": seconds * 1000}}
    requests.post(f"{world.standin_url}/_standin/faults", json=switches, timeout=10).raise_for_status()
    taken = []
    for _ in range(15):
        began = time.perf_counter()
        world.client.search_by_email("1000", _guid("b", 0), "nobody@example.com")
        taken.append(time.perf_counter() - began)
    return sorted(taken)[7]


def _guid(kind: str, n: int) -> str:
    return f"{kind * 8}-0000-4000-8000-{n:012d}"


_FILL_DOMIQ = """
WITH c AS (INSERT INTO public.company (name) VALUES ('Bench') RETURNING id),
p AS (INSERT INTO public.property (company_id, name, address, city, state, zip_code)
      SELECT c.id, 'Bench ' || n, '1 Main St', 'Austin', 'TX', '78701'
      FROM c, generate_series(0, :properties - 1) n
      RETURNING id, name),
b AS (INSERT INTO public.chatbot (property_id, name) SELECT id, name FROM p)
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id)
SELECT id, (1000 + substr(name, 7)::int / :each)::text,
       'bbbbbbbb-0000-4000-8000-' || lpad(substr(name, 7), 12, '0') FROM p
"""
_FILL_CONVERSATIONS = """
INSERT INTO public.conversation (chatbot_id, status)
SELECT b.id, 'new' FROM public.chatbot b, generate_series(1, :leads)
"""
_HISTORY = """
WITH lead AS (
    SELECT c.id, b.property_id, row_number() OVER (ORDER BY c.id) - 1 AS n, count(*) OVER () AS leads
    FROM public.conversation c JOIN public.chatbot b ON b.id = c.chatbot_id),
logged AS (
    INSERT INTO public.status_sync_log (id, conversation_id, old_status, new_status, updated_by,
                                        sync_direction, sync_status, context_data, created_at)
    SELECT gen_random_uuid(), lead.id, 'new', 'contacted', 'chatbot', 'to_resman', 'success',
           '{"sync": {"outcome": "sent"}}', now() - s.n * interval '1 second'
    FROM generate_series(1, :changes) s(n) JOIN lead ON lead.n = s.n % lead.leads
    RETURNING id, conversation_id),
tried AS (
    INSERT INTO domiq_sync.attempt (change_id, lease_token, worker, action, outcome, started_at, duration_ms)
    SELECT id, 1, 'bench', 'tell', 'ok', now(), 100 FROM logged)
INSERT INTO domiq_sync.change (change_id, conversation_id, property_id, notified_at)
SELECT logged.id, logged.conversation_id, lead.property_id, now()
FROM logged JOIN lead ON lead.id = logged.conversation_id
"""
_FILL_LINKS = """
WITH numbered AS (
    SELECT c.id, b.property_id, i.resman_property_id,
           row_number() OVER (ORDER BY i.resman_property_id, c.id) - 1 AS n
    FROM public.conversation c JOIN public.chatbot b ON b.id = c.chatbot_id
    JOIN domiq_sync.integration i ON i.property_id = b.property_id),
links AS (
    INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, person_id, linked_by,
                                      agreed_domiq_status, agreed_resman_status, agreed_at)
    SELECT id, property_id, 'cccccccc-0000-4000-8000-' || lpad(n::text, 12, '0'),
           'dddddddd-0000-4000-8000-' || lpad(n::text, 12, '0'), 'email', 'new', 'Prospect', clock_timestamp()
    FROM numbered RETURNING property_id, prospect_id, person_id),
marks AS (
    INSERT INTO domiq_sync.watermark (property_id, watermark, last_pull_at)
    SELECT DISTINCT property_id, now(), now() FROM numbered)
INSERT INTO domiq_sync.resman_lead (property_id, prospect_id, person_id, status, effective_status,
                                    content_hash, read_at)
SELECT property_id, prospect_id, person_id, 'Prospect', 'Prospect', '', clock_timestamp() FROM links
"""
