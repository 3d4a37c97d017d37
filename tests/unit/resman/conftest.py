"""A real HTTP server on loopback that answers what a test tells it to, and cuts its answers when asked."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from domiq_dagster.resman.client import Guard, ResManClient, ResManConfig


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    form: dict[str, str]
    peer: tuple[str, int]


@dataclass
class Reply:
    """What the server answers. `raw` replaces the whole answer; after it, or after `hang`, it hangs up."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    raw: bytes | None = None
    hang: bool = False


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # a client that hangs up midway is what tests do


class Server:
    """Answers each request with `reply`, or with what `reply(seen)` gives; keeps what it saw."""

    def __init__(self) -> None:
        self.reply: Reply | Callable[[Seen], Reply] = Reply()
        self.seen: list[Seen] = []
        self.end = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                outer._serve(self)

            do_GET = do_POST = _serve

            def log_message(self, *args: Any) -> None:
                pass

        self.http = _Http(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length", 0))
        form = parse_qs(handler.rfile.read(length).decode(), keep_blank_values=True)
        parts = urlsplit(handler.path)
        seen = Seen(
            handler.command,
            parts.path,
            parse_qs(parts.query),
            handler.headers,
            {key: values[0] for key, values in form.items()},
            handler.client_address,
        )
        self.seen.append(seen)
        reply = self.reply(seen) if callable(self.reply) else self.reply
        if reply.hang or reply.raw is not None:
            handler.wfile.write(reply.raw or b"")
            handler.close_connection = True
            if reply.hang:
                self.end.wait(10)
            return
        handler.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body)

    def close(self) -> None:
        self.end.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server()) as running:
        yield running


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def make_client() -> Iterator[Callable[..., ResManClient]]:
    """`make_client(url, guard=..., clock=..., **config)`: a client whose two APIs are under one URL."""
    made: list[ResManClient] = []

    def make(url: str, guard: Guard | None = None, clock: Any = None, **config: Any) -> ResManClient:
        settings: dict[str, Any] = {"connect_timeout": 2.0, "read_timeout": 2.0, **config}
        extra = {"clock": clock} if clock else {}
        client = ResManClient(
            ResManConfig(f"{url}/v1", f"{url}/v2/", "partner-77", "s3cret-key-9", **settings),
            guard=guard,
            **extra,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(server: Server, make_client: Callable[..., ResManClient]) -> ResManClient:
    return make_client(server.url)


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
