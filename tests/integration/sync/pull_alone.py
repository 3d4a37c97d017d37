"""Run as a program: pulls one property whose answer is made up while it is sent, and prints what came of it
and the peak memory of this process in MiB. Arguments: the database's URL, and how many prospects."""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.pull.pull import pull_property
from domiq_dagster.wiring import open_client, open_engine, resman_config

_PROSPECT = (
    '{"prospectId":"aaaaaaaa-0000-4000-8000-%012d","mainPersonId":"bbbbbbbb-0000-4000-8000-%012d",'
    '"lastModified":"2026-01-05T08:00:00Z","status":"Prospect","people":[{"personId":"x","firstName":"Ada",'
    '"lastName":"Example","email":"ada.%d@example.com","phone":"(512) 555-0100","isMainContact":true}],'
    '"filler":"%s"}'
)


def serve(pipe: Any, count: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"prospects":[')
            for n in range(0, count, 500):
                rows = (_PROSPECT % (k, k, k, "x" * 700) for k in range(n, min(n + 500, count)))
                self.wfile.write((("," if n else "") + ",".join(rows)).encode())
            self.wfile.write(b"]}")

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_port)
    server.serve_forever()


def main(url: str, count: int) -> None:
    spawn = multiprocessing.get_context("spawn")
    mine, theirs = spawn.Pipe()
    server = spawn.Process(target=serve, args=(theirs, count), daemon=True)
    server.start()
    host = f"http://127.0.0.1:{mine.recv()}"
    settings = {"RESMAN_PARTNER_ID": "p", "RESMAN_API_KEY": "k", "RESMAN_V1_URL": host, "RESMAN_V2_URL": host}
    with open_engine(url) as engine, open_client(resman_config(settings), url) as client:
        with engine.connect() as connection:
            (integration,) = load_integrations(connection)
        pulls = [pull_property(engine, client, integration, full=full) for full in (False, True)]
    server.terminate()
    print(
        json.dumps(
            {"fetched": [p.fetched for p in pulls], "stored": [p.stored for p in pulls], "peak": peak_mib()}
        )
    )


def peak_mib() -> float:
    """Of this program alone: what getrusage gives includes its parent, as it was when it started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [row for row in status.read_text().splitlines() if row.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
