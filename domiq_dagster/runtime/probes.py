"""A small HTTP server by which Kubernetes, Prometheus and people ask a process how it is. Knows nothing of
what it answers."""

import http.server
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a path is answered with."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class ProbeServer:
    """Answers GET (and HEAD) of a few paths, on threads of its own, for as long as it is entered.

    Args:
        port: 0: any that is free; see `port`.
        paths: what answers each.

    Raises:
        OSError: nothing can listen there.
    """

    def __init__(self, host: str, port: int, paths: Mapping[str, Callable[[], Answer]]) -> None:
        self._server = _Server((host, port), _handler(paths))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 1.0}, name="probes", daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> "ProbeServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of whoever did not wait for the answer."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def _answered(path: str, ask: Callable[[], Answer]) -> Answer:
    """The answer; of a fault, without the values that it happened with, that the log has it."""
    try:
        return ask()
    except Exception as fault:
        frames = "".join(traceback.format_tb(fault.__traceback__))
        logger.error("%s could not be answered: %s\n%s", path, type(fault).__name__, frames)
        return Answer(500, b"This could not be answered: the log says where it failed.\n")


def _handler(paths: Mapping[str, Callable[[], Answer]]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10.0  # whoever asks and does not go on

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            answer = (
                _answered(path, paths[path]) if path in paths else Answer(404, b"There is nothing here.\n")
            )
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(answer.body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: a probe comes every few seconds."""

    return Handler
