"""The server: one process, one port, started with `serve` and ended by a signal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import uvicorn

from .control import Control
from .core import Standin, write_whole
from .wire import Receive, Scope, Send, Wire

LOOPBACK: Final = "127.0.0.1"
_SAVE_EVERY: Final = 0.5


class StandinError(Exception):
    """Why the server could not run."""


class Application:
    """ASGI: the controls under /_standin/, everything else to the wire."""

    def __init__(self, standin: Standin) -> None:
        self._control = Control(standin).application()
        self._wire = Wire(standin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/_standin/"):
            await self._control(scope, receive, send)
        else:
            await self._wire(scope, receive, send)


class _Server(uvicorn.Server):
    """uvicorn's server, but a signal ends it with exit code 0, and it says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own version raises the signal again at the end, which would end the process with that
        # signal.
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready()


def serve(
    port: int = 0,
    seed: int = 1,
    state_file: str | Path | None = None,
    *,
    empty: bool = False,
    prospects: int = 1500,
    host: str = LOOPBACK,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT. Then saves the state, if there is a file for it, and returns.

    Args:
        port: 0 picks a free one.
        host: the IPv4 address to listen at. It has no secrets: in a container, 0.0.0.0 is the container's.
        state_file: loaded if it exists.
        seed, empty, prospects: what to begin with where it does not.
        ready: gets the URL once it answers; by default one line of JSON goes to stdout.

    Raises:
        StandinError: it cannot serve; the text says why.
    """
    standin = Standin(seed, 0 if empty else prospects)
    path = None if state_file is None else Path(state_file)
    if path is not None and path.exists():
        try:
            standin.load(path)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise StandinError(
                f"the state file {path} cannot be loaded ({error}); remove it to start anew"
            ) from error
    listener = _listen(host, port)
    url = "http://{}:{}".format(*listener.getsockname())
    announce = ready or _print_ready
    config = uvicorn.Config(
        Application(standin),
        http="h11",
        loop="asyncio",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        backlog=512,
    )
    server = _Server(config, lambda: announce(url))
    try:
        asyncio.run(_run(server, listener, standin, path))
    except OSError as error:
        raise StandinError(f"the state file {path} cannot be saved ({error})") from error
    finally:
        listener.close()


async def _run(server: _Server, listener: socket.socket, standin: Standin, path: Path | None) -> None:
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, server)
    if path is None:
        await server.serve(sockets=[listener])
        return
    over = asyncio.Event()
    saver = loop.create_task(_keep_saved(standin, path, over))
    # Without its file the server does not go on as if all were well.
    saver.add_done_callback(lambda _: _stop(server))
    try:
        await server.serve(sockets=[listener])
    finally:
        # The saver is not cancelled but let finish: its thread may be writing.
        over.set()
        await saver
    standin.save(path)


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


async def _keep_saved(standin: Standin, path: Path, over: asyncio.Event) -> None:
    """Saves at most half a second after a change, until `over`.

    The text is made here, between requests; a thread writes it.
    """
    saved = None
    while not over.is_set():
        if standin.version != saved:
            saved = standin.version
            await asyncio.to_thread(write_whole, path, standin.snapshot())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _SAVE_EVERY)


def _listen(host: str, port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only on a socket that names its protocol. With it on, each answer
    # takes 40 ms, because headers and body are sent apart.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise StandinError(
            f"port {port} of {host} cannot be used ({error}); choose another with --port, or --host"
        ) from error
    return listener


def _print_ready(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
