"""How fast a property's prospects are stored, held against what cannot be done without: fetching the same
bytes, parsing them, and COPYing what was parsed.

One JSON line. `first_load`: a property of which nothing is stored; `re_read`: a full re-read in which 1 %
of the prospects changed. Each is a process of its own, whose peak memory is given in MiB; the first load is
the best of three, as the floor is: of three processes that stream the same answer through ijson into COPY,
into a table of the columns and the key of the one that leads are stored in; `times_bare_floor` is held
against the same without a key. The time counts from the request to the commit; `cores_busy` says how many
of the machine's cores all processes together kept busy meanwhile, and `cpu_seconds` what the pull's own
took, its start included. Both are to stay within 1.5 times of the floor.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ijson
import psutil
import psycopg
import requests
from answers import serving, write_answer
from sqlalchemy import text
from world import World, fill, world

from domiq_dagster.resman.client import ResManConfig
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.pull.pull import PullOptions, pull_property
from domiq_dagster.wiring import open_client, open_engine

_SPAWN = multiprocessing.get_context("spawn")
PROSPECTS = 200_000
CONVERSATIONS = 200
_FLOOR_TABLE = """
DROP TABLE IF EXISTS floor;
CREATE TABLE floor (LIKE domiq_sync.resman_lead {including})
"""
_FLOOR_COPY = """
COPY floor (property_id, prospect_id, person_id, status, effective_status, last_modified, last_modified_raw,
            lost_reason, transaction_source_id, agent_id, content_hash, read_at, stored_at) FROM STDIN
"""


def floor(url: str, server: str, including: Any) -> dict[str, Any]:
    """Fetch, parse, COPY."""
    with psycopg.connect(url) as connection:
        connection.execute(_FLOOR_TABLE.format(including=including))
        connection.commit()
        began = time.perf_counter()
        now = datetime.now(UTC).isoformat()
        rows = 0
        with (
            requests.get(f"{server}/Prospects", stream=True, timeout=60) as answer,
            connection.cursor() as cursor,
            cursor.copy(_FLOOR_COPY) as copy,
        ):
            for p in ijson.items(answer.raw, "prospects.item", use_float=True):
                rows += 1
                copy.write_row(
                    (p["propertyId"], p["prospectId"], p["mainPersonId"], p["status"], p["status"],
                     p["lastModified"], p["lastModified"], p["lostReason"], p["transactionSourceId"],
                     p["leasingAgent"]["agentId"], "", now, now)
                )  # fmt: skip
        connection.commit()
        return {"prospects": rows, "seconds": time.perf_counter() - began}


def pull(url: str, server: str, full: Any) -> dict[str, Any]:
    """What the project does."""
    config = ResManConfig(server, server, "partner", "key")
    with open_engine(url, check=False) as engine, open_client(config, url) as client:
        with engine.connect() as connection:
            (integration,) = load_integrations(connection)
        psutil.cpu_percent()
        began = time.perf_counter()
        pulled = pull_property(engine, client, integration, PullOptions(full=full))
        seconds = time.perf_counter() - began
        busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
    return {
        "prospects": pulled.fetched,
        "stored": pulled.stored,
        "seconds": seconds,
        "cores_busy": round(busy, 2),
    }


def in_process(what: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """Runs it in a fresh process, and adds that process's peak memory and its own processor time."""
    queue = _SPAWN.SimpleQueue()
    process = _SPAWN.Process(target=_measured, args=(queue, what, args))
    process.start()
    found: dict[str, Any] = queue.get()
    process.join()
    return found


def _measured(queue: Any, what: Callable[..., dict[str, Any]], args: tuple[Any, ...]) -> None:
    found = what(*args)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found["peak_mib"] = round(usage.ru_maxrss / 1024, 1)
    found["cpu_seconds"] = round(usage.ru_utime + usage.ru_stime, 2)
    queue.put(found)


def lowest_floor(url: str, server: str, including: str) -> dict[str, Any]:
    floors = (in_process(floor, url, server, including) for _ in range(3))
    return min(floors, key=lambda found: float(found["seconds"]))


def first_load(w: World, server: str) -> dict[str, Any]:
    with w.engine.begin() as connection:
        for table in ("lead_link", "resman_lead", "watermark"):
            connection.execute(text(f"DELETE FROM domiq_sync.{table}"))
    with w.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM domiq_sync.resman_lead"))
    return in_process(pull, w.url, server, False)


def conversations(w: World) -> None:
    """DomIQ's side: a property, with conversations whose people are among the prospects of `write_answer`."""
    fill(w, accounts=1, leads=CONVERSATIONS)
    with w.engine.begin() as connection:
        connection.execute(text(_USERS))


def measure(w: World, directory: Path, server: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "benchmark": "pull_rate",
        "prospects": PROSPECTS,
        "limit_times_floor": 1.5,
        "cores": psutil.cpu_count(),
    }
    for name, changed_every in (("first_load", None), ("re_read", 100)):
        print(f"{name} ...", file=sys.stderr)
        result["bytes"] = write_answer(directory / "answer", PROSPECTS, changed_every=changed_every)
        lowest = lowest_floor(w.url, server, "INCLUDING INDEXES")
        if name == "first_load":
            found = min((first_load(w, server) for _ in range(3)), key=lambda one: float(one["seconds"]))
        else:
            found = in_process(pull, w.url, server, True)
        bare = lowest_floor(w.url, server, "")
        seconds = found.pop("seconds")
        result[name] = {
            **found,
            "seconds": round(seconds, 2),
            "per_second": round(found["prospects"] / seconds),
            "floor_seconds": round(lowest["seconds"], 2),
            "floor_per_second": round(PROSPECTS / lowest["seconds"]),
            "floor_cpu_seconds": lowest["cpu_seconds"],
            "times_floor": round(seconds / lowest["seconds"], 2),
            "times_bare_floor": round(seconds / bare["seconds"], 2),
            "times_floor_cpu": round(found["cpu_seconds"] / lowest["cpu_seconds"], 2),
        }
        with w.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))
    return result


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="domiq-answers-") as name,
        world() as w,
        serving(Path(name)) as url,
    ):
        conversations(w)
        print(json.dumps(measure(w, Path(name), url)))


_USERS = """
WITH c AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM public.conversation),
u AS (INSERT INTO public."user" (first_name, last_name, email)
      SELECT 'Ada', 'Example' || n, 'ada.' || n || '@example.com' FROM c RETURNING id, email)
UPDATE public.conversation SET user_id = u.id
FROM u, c WHERE u.email = 'ada.' || c.n || '@example.com' AND c.id = public.conversation.id
"""

if __name__ == "__main__":
    main()
