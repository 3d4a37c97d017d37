"""An HTTP endpoint that keeps what is posted to it, and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass
class Post:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.body.decode()).items()}


@dataclass
class Endpoint:
    """`answer`: (status, body, headers), or None to hang up when the request was read. Given a list, the
    answers are given in turn, and the last one again. A Content-Length that is more than the body has breaks
    the answer off."""

    port: int
    posts: list[Post] = field(default_factory=list)
    answers: list[tuple[int, str, dict[str, str]] | None] = field(default_factory=lambda: [(200, "ok", {})])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, status: int | None, body: str = "", **headers: str) -> None:
        self.answers = [None if status is None else (status, body, headers)]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def do_PUT(self) -> None:
        self._reply()

    def _reply(self) -> None:
        end: Endpoint = self.server.end  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        end.posts.append(Post(self.path, dict(self.headers), body))
        answer = end.answers[0] if len(end.answers) == 1 else end.answers.pop(0)
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        status, words, headers = answer
        self.send_response(status)
        for name, value in {"Content_Length": str(len(words)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(words.encode())

    def log_message(self, *_: Any) -> None:
        pass


class HttpServer:
    """Use with `with`: gives the Endpoint."""

    def __enter__(self) -> Endpoint:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self.end = Endpoint(self._server.server_address[1])
        self._server.end = self.end  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self.end

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
