"""Answers of many prospects, written to files, and a server process that does nothing but send them: what a
pull is measured against must not wait for a server that thinks."""

from __future__ import annotations

import json
import multiprocessing
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_SPAWN = multiprocessing.get_context("spawn")
_PIECE = 256 * 1024
_NO_PROPERTIES = b'{"properties":[]}'
BEGAN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def write_answer(path: Path, count: int, *, changed_every: int | None = None) -> int:
    """Writes a v2 answer of `count` prospects of some 1 kB each; the same ones every time, of which each
    `changed_every`-th was lost since. Returns its bytes."""
    dice = random.Random(7)
    with path.open("w", encoding="ascii") as file:
        file.write('{"prospects":[')
        for n in range(count):
            file.write(("," if n else "") + json.dumps(_prospect(n, dice, changed_every)))
        file.write("]}")
    return path.stat().st_size


def _prospect(n: int, dice: random.Random, changed_every: int | None) -> dict[str, Any]:
    ids = [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(9)]
    changed = changed_every is not None and n % changed_every == 0
    modified = BEGAN + timedelta(seconds=n, days=200 if changed else 0)
    return {
        "prospectId": ids[0],
        "propertyId": "bbbbbbbb-0000-4000-8000-000000000000",
        "mainPersonId": ids[1],
        "lastModified": modified.isoformat().replace("+00:00", "Z"),
        "transactionSourceId": ids[2],
        "prospectSourceId": ids[3],
        "prospectSourceName": "Website",
        "status": "Lost" if changed else "Prospect",
        "firstContactMethod": "Email",
        "firstContactDate": (BEGAN + timedelta(seconds=n)).isoformat().replace("+00:00", "Z"),
        "firstContactCommunicationLogId": ids[4],
        "lostDate": modified.date().isoformat() if changed else None,
        "lostReason": "Price Too High" if changed else None,
        "leasingAgent": {"agentId": ids[5], "personId": ids[6], "firstName": "Lee", "lastName": "Example"},
        "people": [
            {
                "personId": ids[1],
                "firstName": "Ada",
                "middleName": None,
                "lastName": f"Example{n}",
                "email": f"ada.{n}@example.com",
                "phone": f"(512) {200 + n // 10_000}-{n % 10_000:04d}",
                "phoneType": "Mobile",
                "householdStatus": None,
                "isMainContact": True,
                "isHeadOfHousehold": True,
                "isLeaseSigner": None,
                "isGuarantor": None,
                "isDependent": None,
                "isExcludedFromOccupancy": None,
            }
        ],
        "events": None,
    }


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """A server that answers a GET of prospects with the file `answer` of a directory, whichever that is just
    then, and one of properties with none."""
    mine, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(theirs, directory), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{mine.recv()}"
    process.terminate()
    process.join()


def _serve(pipe: Any, directory: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if "Prospects" not in self.path:
                self._begin(len(_NO_PROPERTIES))
                self.wfile.write(_NO_PROPERTIES)
                return
            path = directory / "answer"
            self._begin(path.stat().st_size)
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    self.wfile.write(piece)

        def _begin(self, size: int) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(size))
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_port)
    server.serve_forever()
