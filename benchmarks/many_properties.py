"""A pull of 1,000 properties with 50 changed prospects each, in one pass, held against the latency of its
requests.

One JSON line. The properties belong to a few accounts; a pull asks one request at a time of each, the
accounts side by side, in as many threads as there are accounts at most. `latency_sum` is what the requests
of one account must take by themselves: its properties times the latency of one request, measured in the
same run as the median of 15. `times_latency` is the pass held against it, and is to stay within 1.2.
`most_at_once` is the most requests that the stand-in saw under way at one account at the same time, and
`threads` the most pull threads.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import requests
from sqlalchemy import text
from world import World, latency, world

from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.pull.pulls import pull_all

ACCOUNTS, PROPERTIES, LEADS = 4, 1_000, 50
LATENCY = 0.2


def guid(kind: str, n: int) -> str:
    return f"{kind * 8}-0000-4000-8000-{n:012d}"


def prospect(n: int, property_id: int, modified: datetime, status: str) -> dict[str, Any]:
    person = {
        "personId": guid("d", n),
        "firstName": "Ada",
        "lastName": f"Bench{n}",
        "email": f"ada.{n}@example.com",
        "isMainContact": True,
    }
    return {
        "prospectId": guid("c", n),
        "propertyId": guid("b", property_id),
        "status": status,
        "lastModified": modified.isoformat(),
        "people": [person],
    }


def fill(w: World, status: str, modified: datetime) -> None:
    """The stand-in's world, anew: the same prospects, with a status and a date."""
    places = [
        {
            "propertyId": guid("b", n),
            "accountId": str(1000 + n % ACCOUNTS),
            "name": f"Bench {n}",
            "timeZone": "America/Chicago",
        }
        for n in range(PROPERTIES)
    ]
    body = {
        "world": {
            "accounts": [str(1000 + n) for n in range(ACCOUNTS)],
            "properties": places,
            "prospects": [prospect(n, n // LEADS, modified, status) for n in range(PROPERTIES * LEADS)],
        }
    }
    requests.post(f"{w.standin_url}/_standin/reset", json=body, timeout=300).raise_for_status()


def most_at_once(w: World, since: int) -> int:
    """Of all accounts, the most requests that were under way at one of them together."""
    url = f"{w.standin_url}/_standin/state"
    seen = requests.get(url, params={"since": since}, timeout=300).json()["requests"]
    moments = defaultdict(list)
    for request in seen:
        moments[request["accountId"]] += [(request["startedAt"], 1), (request["finishedAt"], -1)]
    most = 0
    for account in moments.values():
        under_way = 0
        for _, step in sorted(account, key=lambda moment: (moment[0], moment[1])):
            under_way += step
            most = max(most, under_way)
    return most


class Threads:
    """Looks how many threads pull."""

    def __init__(self) -> None:
        self.most = 0

    def look(self, integration: Integration, result: object) -> None:
        assert not isinstance(result, Exception), (integration, result)
        names = [t.name for t in threading.enumerate()]
        self.most = max(self.most, sum(name.startswith("pull") for name in names))


def measure(w: World) -> dict[str, Any]:
    with w.engine.connect() as connection:
        connected = load_integrations(connection)
    now = datetime.now(UTC)
    print("first load ...", file=sys.stderr)
    fill(w, "Prospect", now - timedelta(hours=2))
    pull_all(w.engine, w.client, connected)
    fill(w, "Lost", now - timedelta(hours=1))
    one = latency(w, LATENCY)
    requests_before = requests.get(f"{w.standin_url}/_standin/state?requests=false", timeout=300).json()
    print("changed ...", file=sys.stderr)
    threads = Threads()
    psutil.cpu_percent()
    began = time.perf_counter()
    pulled, errors = pull_all(w.engine, w.client, connected, on_property=threads.look)
    seconds = time.perf_counter() - began
    busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
    assert not errors and len(pulled) == PROPERTIES, errors
    assert all(p.stored == LEADS for p in pulled.values())
    needed = one * PROPERTIES / ACCOUNTS
    return {
        "benchmark": "many_properties",
        "properties": PROPERTIES,
        "accounts": ACCOUNTS,
        "changed": PROPERTIES * LEADS,
        "seconds": round(seconds, 2),
        "latency": round(one, 4),
        "latency_sum": round(needed, 2),
        "times_latency": round(seconds / needed, 3),
        "limit_times_latency": 1.2,
        "most_at_once": most_at_once(w, requests_before["requestCount"]),
        "threads": threads.most,
        "cores_busy": round(busy, 2),
        "cores": psutil.cpu_count(),
        "peak_mib": round(psutil.Process().memory_info().rss / 2**20, 1),
    }


def main() -> None:
    with world(pool_size=30) as w:
        with w.engine.begin() as connection:
            connection.execute(text(_FILL), {"properties": PROPERTIES, "accounts": ACCOUNTS})
        with w.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        print(json.dumps(measure(w)))


_FILL = """
WITH c AS (INSERT INTO public.company (name) VALUES ('Bench') RETURNING id),
p AS (INSERT INTO public.property (company_id, name, address, city, state, zip_code)
      SELECT c.id, 'Bench ' || n, '1 Main St', 'Austin', 'TX', '78701'
      FROM c, generate_series(0, :properties - 1) n
      RETURNING id, name),
b AS (INSERT INTO public.chatbot (property_id, name) SELECT id, name FROM p)
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id)
SELECT id, (1000 + substr(name, 7)::int % :accounts)::text,
       'bbbbbbbb-0000-4000-8000-' || lpad(substr(name, 7), 12, '0') FROM p
"""

if __name__ == "__main__":
    main()
