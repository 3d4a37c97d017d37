"""The made-up world's messenger: a service that takes notices over HTTP, as Slack would, and refuses them
while `notice` is broken."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domiq_dagster.runtime.dev_home import broken_now

NOTICE = "notice"
_REFUSED = {"error": "channel_is_archived"}


def address(port: int) -> str:
    """Its URL as Apprise writes it."""
    return f"json://127.0.0.1:{port}/{{recipient}}"


@contextmanager
def messenger(home: Path, port: int) -> Iterator[None]:
    """Serves on this port of 127.0.0.1 as long as the block lasts.

    Raises:
        OSError: something else listens there.
    """
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _handler(home))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.5}, name="messenger")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(home: Path) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10.0

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_broken = any(one.name == NOTICE for one in broken_now(home))
            body = json.dumps(_REFUSED if is_broken else {"ok": True}).encode()
            self.send_response(404 if is_broken else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: what became of a notice is in the outbox."""

    return Handler
