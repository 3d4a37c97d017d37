"""The push beside drt, a tool that sends the rows of a query to an HTTP API (reverse ETL).

Both read the same kind of pending change from one PostgreSQL, and send each as one request to the stand-in,
of the same form and with the same fields, at an account of its own. `limit` is what one request at a time
allows, measured in the same round.

ours    a push as benchmarks/push_rate.py measures it. Each change is claimed with a lease, in the order of
        its conversation. A post is noted before it is sent, so that one in doubt can be read back. The
        account's gate lets one request at a time through, whoever asks. The settlement, the attempt and what
        ResMan shows now are written in one transaction for each change
drt     `drt run` with the source `postgres` and the destination `rest_api`. It keeps a connection open for
        each batch: one batch takes all rows here. Its pace of 10 requests a second is off. It is incremental
        by the order of the changes, and what it keeps is one watermark for each run. No row is settled and
        nothing is read back: a run that dies sends all its rows again

So what is compared is how near either comes to the limit, not what is known afterwards.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import requests
from pull_rate import in_process
from push_rate import change
from sqlalchemy import make_url, text
from turns import Figures, Round, in_turns
from world import World, fill, latency, world

from domiq_dagster.demo.stage import API_KEY, PARTNER_ID
from domiq_dagster.resman.client import ResManConfig
from domiq_dagster.sync.delivery.push import PushOptions, push
from domiq_dagster.wiring import open_client, open_engine

LATENCIES = (0.02, 0.1)
OURS, THEIRS = "1000", "1001"
"""The account of each."""
_FIRST_PROPERTY = "bbbbbbbb-0000-4000-8000-000000000000"
"""As `fill` names it."""


def rounds(given: Namespace) -> Iterator[tuple[str, Round]]:
    """The rounds of each latency."""
    leads = given.changes * given.rounds * len(LATENCIES)
    with tempfile.TemporaryDirectory(prefix="domiq-drt-") as name, world() as w:
        fill(w, accounts=2, leads=leads)
        push(w.engine, w.client)  # fills the settings
        directory = Path(name)
        write_project(directory, w)
        for n in range(given.rounds):
            for seconds in LATENCIES:
                latency(w, seconds)
                limit = 1 / bare_request(w)
                change(w, given.changes)
                sides = {
                    "ours": partial(ours, w, given.changes, limit),
                    "drt": partial(drt, w, directory, given.changes, limit),
                }
                yield f"latency_{1000 * seconds:.0f}_ms", in_turns(n, sides)


def bare_request(w: World) -> float:
    """The seconds that one request takes at the stand-in, over an open connection and with nothing around it:
    the median of 15."""
    form = {
        "IntegrationPartnerID": PARTNER_ID,
        "ApiKey": API_KEY,
        "AccountID": OURS,
        "PropertyID": _FIRST_PROPERTY,
        "Email": "nobody@example.com",
    }
    taken = []
    with requests.Session() as session:
        for _ in range(15):
            began = time.perf_counter()
            session.post(f"{w.standin_url}/MITS/SearchProspects", data=form, timeout=10).raise_for_status()
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def ours(w: World, changes: int, limit: float) -> Figures:
    before = posted(w, OURS)
    found = in_process(_push, w.url, w.config)
    assert found["success"] == found["delivered"] == posted(w, OURS) - before == changes, found
    return _figures(changes, found["seconds"], limit)


def _push(url: str, config: ResManConfig) -> dict[str, Any]:
    with open_engine(url, check=False) as engine, open_client(config, url) as client:
        with engine.connect() as connection:
            (mine,) = connection.scalars(text(_PROPERTY), {"account": OURS})
        report = push(engine, client, PushOptions(property_ids=[mine]))
    return {"delivered": report.delivered, "success": report.total("success"), "seconds": report.seconds}


def drt(w: World, directory: Path, changes: int, limit: float) -> Figures:
    """One `drt run`. Its seconds are those that it gives itself: without the start of Python."""
    before = posted(w, THEIRS)
    command = [str(Path(sys.executable).with_name("drt")), "run", "--output", "json"]
    environment = {**os.environ, "HOME": str(directory), "DO_NOT_TRACK": "1"}
    ended = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"drt ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    (found,) = json.loads(ended.stdout)["syncs"]
    assert found["rows_synced"] == posted(w, THEIRS) - before == changes, found
    return _figures(changes, found["duration_seconds"], limit)


def _figures(changes: int, seconds: float, limit: float) -> Figures:
    rate = changes / seconds
    return {"seconds": seconds, "per_second": rate, "limit": limit, "share_of_limit": rate / limit}


def posted(w: World, account: str) -> int:
    """How many posts of an account the stand-in has carried out."""
    state = requests.get(f"{w.standin_url}/_standin/state", timeout=60)
    state.raise_for_status()
    return sum(
        entry["endpoint"] == "PostLeadManagement4_0"
        and entry["accountId"] == account
        and entry["outcome"] == "Success"
        for entry in state.json()["requests"]
    )


def write_project(directory: Path, w: World) -> None:
    """A project of drt with one sync. JSON is YAML, too."""
    url = make_url(w.url)
    sync = {
        "name": "statuses",
        "model": "ref('pending')",
        "destination": {
            "type": "rest_api",
            "url": f"{w.standin_url}/MITS/PostLeadManagement4_0",
            "method": "POST",
            "headers": {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/xml"},
            "body_template": _FORM,
        },
        "sync": {
            "mode": "incremental",
            "cursor_field": "seq",
            "batch_size": 100_000,
            "rate_limit": {"requests_per_second": 0},
        },
    }
    profile = {
        "type": "postgres",
        "host": url.query["host"],
        "port": int(str(url.query["port"])),
        "dbname": url.database,
        "user": url.username,
    }
    files = {
        "drt_project.yml": json.dumps({"name": "bench", "profile": "bench"}),
        ".drt/profiles.yml": json.dumps({"bench": profile}),
        "syncs/statuses.yml": json.dumps(sync),
        "syncs/models/pending.sql": _PENDING,
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


_PROPERTY = "SELECT property_id FROM domiq_sync.integration WHERE resman_account_id = :account"
_PENDING = f"""
SELECT c.seq, left(replace(l.id::text, '-', ''), 12) AS mark, l.old_status, l.new_status,
       i.resman_property_id, i.agent_id, i.source_id, k.prospect_id, k.person_id,
       to_char(l.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS event_date
FROM public.status_sync_log l
JOIN domiq_sync.change c ON c.change_id = l.id
JOIN domiq_sync.lead_link k ON k.conversation_id = l.conversation_id
JOIN domiq_sync.integration i ON i.property_id = k.property_id
WHERE l.sync_status = 'pending' AND i.resman_account_id = '{THEIRS}'
ORDER BY c.seq
"""
_XML = (
    '<LeadManagement><Prospects><Prospect><Customers><Customer Type="prospect">'
    '<Identification IDType="ProspectID" IDValue="{{ row.prospect_id }}" OrganizationName="ResMan" />'
    '<Identification IDType="PersonID" IDValue="{{ row.person_id }}" OrganizationName="ResMan" />'
    '</Customer></Customers><Events><Event EventType="Contact" EventDate="{{ row.event_date }}">'
    '<Agent><AgentID IDValue="{{ row.agent_id }}" /></Agent><FirstContact>False</FirstContact>'
    "<TransactionSource>{{ row.source_id }}</TransactionSource>"
    "<Comments>DomIQ status: {{ row.old_status }} -&gt; {{ row.new_status }}. [DQ-{{ row.mark }}]</Comments>"
    "<EventReasons>DomIQ status: {{ row.new_status }}</EventReasons>"
    "</Event></Events></Prospect></Prospects></LeadManagement>"
)
_FORM = (
    f"IntegrationPartnerID={PARTNER_ID}&ApiKey={API_KEY}&AccountID={THEIRS}"
    "&PropertyID={{ row.resman_property_id }}"
    f"&Xml={{% filter urlencode %}}{_XML}{{% endfilter %}}"
)
