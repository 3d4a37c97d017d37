"""The pull beside dlt, which loads what an API answers into tables: a first load, and a full re-read.

All get the same answer from the same server and store it in the same PostgreSQL, each in a process of its
own. `first_load`: nothing is stored. `re_read`: all prospects come again, of which 1 % changed. The seconds
count from the request to the commit; `cpu_seconds` and `peak_mib` are that process's, its start included.

ours      `pull_property`, as benchmarks/pull_rate.py measures it. It streams: its memory does not grow with
          the answer. It keeps a hash of each whole prospect, so that a change is seen in whatever field;
          finds who of them people in DomIQ may be, by e-mail and phone, and links them; and sees who is gone
dlt       the fastest way that its pages have. pyarrow parses the answer, which is held whole, into an Arrow
          table of the fields that ours stores as columns, and only those. Its parquet files, of at most
          50,000 rows, are copied side by side through ADBC and merged by primary key. Of the strategies of
          `merge`, delete-insert without a search for duplicates was the fastest
dlt_rows  as most of its sources are written: the same fields as dicts, in pages of 10,000; its normaliser
          writes CSV without compression, which is copied. As it comes, with INSERTs, it took 1.7 times as
          long; a second normaliser process was slower on two cores

dlt's cursor on lastModified is left out: a full re-read is for what changed without moving it. dlt makes its
tables in the first load; ours are there. Its telemetry is off.
"""

from __future__ import annotations

import os
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from answers import serving, write_answer
from pull_rate import conversations, first_load, in_process, pull
from sqlalchemy import make_url, text
from turns import Figures, Round, in_turns
from world import World, world

CHANGED_EVERY = 100
_PAGE = 10_000
_FILE = 50_000
_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DATA_WRITER__FILE_MAX_ITEMS": str(_FILE),
}
_DEDUPLICATED = {"disposition": "merge", "strategy": "delete-insert", "deduplicated": True}
_FIELDS = {
    "property_id": "propertyId",
    "prospect_id": "prospectId",
    "person_id": "mainPersonId",
    "status": "status",
    "last_modified": "lastModified",
    "lost_reason": "lostReason",
    "transaction_source_id": "transactionSourceId",
}
"""The columns and where each is in a prospect; `agent_id` lies deeper."""
_TYPES = {"last_modified": {"data_type": "timestamp"}, "lost_reason": {"data_type": "text"}}


def rounds(given: Namespace) -> Iterator[tuple[str, Round]]:
    """The rounds of the first load and of the re-read."""
    with (
        tempfile.TemporaryDirectory(prefix="domiq-answers-") as before,
        tempfile.TemporaryDirectory(prefix="domiq-answers-") as after,
        tempfile.TemporaryDirectory(prefix="domiq-dlt-") as name,
        world() as w,
        serving(Path(before)) as as_it_was,
        serving(Path(after)) as as_it_is,
    ):
        write_answer(Path(before) / "answer", given.prospects)
        write_answer(Path(after) / "answer", given.prospects, changed_every=CHANGED_EVERY)
        conversations(w)
        peers = {"dlt": Peer(w, Path(name), "dlt", arrow), "dlt_rows": Peer(w, Path(name), "dlt_rows", rows)}
        changed = -(-given.prospects // CHANGED_EVERY)
        for n in range(given.rounds):
            settle_down(w.url, *(peer.url for peer in peers.values()))
            sides = {"ours": partial(_ours, w, as_it_was, full=False, stored=given.prospects)}
            sides |= {side: partial(peer.first_load, as_it_was) for side, peer in peers.items()}
            yield "first_load", in_turns(n, sides)
            settle_down(w.url, *(peer.url for peer in peers.values()))
            sides = {"ours": partial(_ours, w, as_it_is, full=True, stored=changed)}
            sides |= {side: partial(peer.load, as_it_is) for side, peer in peers.items()}
            yield "re_read", in_turns(n, sides)
            for peer in peers.values():
                peer.check(given.prospects, changed)


def settle_down(*urls: str) -> None:
    for url in urls:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")


def _ours(w: World, server: str, *, full: bool, stored: int) -> Figures:
    found = in_process(pull, w.url, server, True) if full else first_load(w, server)
    assert found["stored"] == stored, found
    return _figures(found)


def _figures(found: dict[str, Any]) -> Figures:
    return {key: float(found[key]) for key in ("seconds", "cpu_seconds", "peak_mib")}


class Peer:
    """One way of loading with dlt, into a database of its own on the same server."""

    def __init__(self, w: World, directory: Path, name: str, run: Callable[[Any, str], None]) -> None:
        with w.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        self.url = make_url(w.url).set(database=name).render_as_string()
        self.directory, self.run, self.loads = directory, run, 0

    def first_load(self, server: str) -> Figures:
        self.loads += 1
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS peer, peer_staging CASCADE")
        return self.load(server)

    def load(self, server: str) -> Figures:
        working = self.directory / f"{self.run.__name__}-{self.loads}"
        return _figures(in_process(_load, self.url, server, str(working), self.run))

    def check(self, prospects: int, changed: int) -> None:
        with psycopg.connect(self.url) as connection:
            found = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE status = 'Lost') FROM peer.prospects"
            ).fetchone()
        assert found == (prospects, changed), found


def _load(url: str, server: str, working: str, run: Callable[[Any, str], None]) -> dict[str, Any]:
    os.environ.update(_SETTINGS, DLT_DATA_DIR=working)
    import dlt

    there = make_url(url)
    # It wants a host and a password, which libpq does without: the host of the query, a socket, wins.
    credentials = f"postgresql://{there.username}:none@localhost/{there.database}?host={there.query['host']}"
    destination = dlt.destinations.postgres(credentials)
    pipeline = dlt.pipeline("peer", pipelines_dir=working, destination=destination, dataset_name="peer")
    began = time.perf_counter()
    run(pipeline, f"{server}/Prospects")
    return {"seconds": time.perf_counter() - began}


def arrow(pipeline: Any, address: str) -> None:
    """Runs the pipeline in the way `dlt`."""
    import dlt
    import pyarrow
    from dlt.sources.helpers import requests

    def prospects() -> Iterator[pyarrow.Table]:
        with requests.get(address, stream=True) as answer:
            table = _table(answer.raw.read())
        for begin in range(0, len(table), _FILE):
            yield table.slice(begin, _FILE)

    resource = dlt.resource(prospects, primary_key="prospect_id", write_disposition=_DEDUPLICATED)
    pipeline.run(resource(), loader_file_format="parquet").raise_on_failed_jobs()


def _table(body: bytes) -> Any:
    """The columns of an answer, read without making an object of Python of any value."""
    import pyarrow
    from pyarrow import json

    text_type = pyarrow.string()
    fields = [(name, text_type) for name in _FIELDS.values() if name != "lastModified"]
    fields.append(("lastModified", pyarrow.timestamp("us", "UTC")))
    fields.append(("leasingAgent", pyarrow.struct([("agentId", text_type)])))
    schema = pyarrow.schema([("prospects", pyarrow.list_(pyarrow.struct(fields)))])
    found = json.read_json(
        pyarrow.BufferReader(body),
        read_options=json.ReadOptions(block_size=len(body) + 1),
        parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    each = found["prospects"].combine_chunks().flatten()
    columns = {column: each.field(name) for column, name in _FIELDS.items()}
    return pyarrow.table(columns | {"agent_id": each.field("leasingAgent").field("agentId")})


def rows(pipeline: Any, address: str) -> None:
    """Runs the pipeline in the way `dlt_rows`."""
    import dlt
    from dlt.common import json
    from dlt.sources.helpers import requests

    def prospects() -> Iterator[list[dict[str, Any]]]:
        with requests.get(address, stream=True) as answer:
            found = json.loadb(answer.raw.read())["prospects"]
        for begin in range(0, len(found), _PAGE):
            yield [_row(one) for one in found[begin : begin + _PAGE]]

    resource = dlt.resource(
        prospects, primary_key="prospect_id", write_disposition=_DEDUPLICATED, columns=_TYPES
    )
    pipeline.run(resource(), loader_file_format="csv").raise_on_failed_jobs()


def _row(prospect: dict[str, Any]) -> dict[str, Any]:
    row = {column: prospect[name] for column, name in _FIELDS.items()}
    row["agent_id"] = prospect["leasingAgent"]["agentId"]
    return row
