"""TCP proxies that can be told to misbehave: the network between the workers and what they talk to.

What belongs here: bytes and connections. What they mean (SQL, HTTP) is known only as a `request` to watch
for, whose answer can be lost.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
_CHUNK = 64 * 1024
_DRIP_SECONDS = 0.02
"""Between two bytes: so short that no time-out of a read notices."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """What stands behind a proxy. `request`: the bytes by which a request is known whose answer may be
    lost."""

    dial: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
    request: bytes


class Proxy:
    """A listener on 127.0.0.1. Its methods may be called from any thread; they return at once with how
    many connections they struck."""

    def __init__(self, loop: asyncio.AbstractEventLoop, beyond: Beyond) -> None:
        self._loop = loop
        self._beyond = beyond
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._stall_new_until = 0.0
        self.answers_to_lose = 0
        self.port = 0
        self.seen: Counter[str] = Counter()
        """What was done to connections, by kind."""

    def cut(self, share: float, dice: random.Random) -> int:
        """Cuts connections on both sides, at whatever point they are."""
        return self._run(self._strike("cut", share, dice, lambda link: link.cut()))

    def half_open(self, share: float, dice: random.Random, seconds: float) -> int:
        """Cuts connections on the worker's side; the other side does not hear of it for some seconds."""
        return self._run(self._strike("half_open", share, dice, lambda link: link.half_open(seconds)))

    def stall(self, share: float, dice: random.Random, seconds: float) -> int:
        """Lets nothing through for some seconds, then goes on where it was. All of them: new ones too."""
        until = self._loop.time() + seconds
        if share >= 1:
            self._stall_new_until = until
        return self._run(self._strike("stalled", share, dice, lambda link: link.stall(until)))

    def drip(self, dice: random.Random, seconds: float) -> int:
        """For some seconds lets what comes back through a byte at a time."""
        until = self._loop.time() + seconds
        return self._run(self._strike("dripped", 1.0, dice, lambda link: link.drip(until)))

    def lose_answers(self, count: int) -> None:
        """The next requests of the kind watched for reach the other side, and their answers nobody."""
        self.answers_to_lose = count

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """New connections are refused meanwhile."""
        self._run(self._stop_listening())
        try:
            yield
        finally:
            self._run(self._listen())

    def open_connections(self) -> int:
        return len(self._links)

    async def start(self) -> None:
        self._held = _bound(0)
        self.port = self._held.getsockname()[1]
        await self._listen()

    async def close(self) -> None:
        await self._stop_listening()
        if self._held is not None:
            self._held.close()
        await self._strike("cut", 1, random.Random(0), lambda link: link.cut())

    def _run(self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(timeout=30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._held)
        self._held = None

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._held = _bound(self.port)  # bound, not listening: connections are refused, the port is ours

    async def _strike(
        self, kind: str, share: float, dice: random.Random, how: Callable[[_Link], None]
    ) -> int:
        links = sorted(self._links, key=lambda link: link.number)
        struck = links if share >= 1 else dice.sample(links, min(len(links), max(1, int(len(links) * share))))
        for link in struck:
            how(link)
        self.seen[kind] += len(struck)
        return len(struck)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            beyond = await self._beyond.dial()
        except OSError:
            self.seen["nobody_there"] += 1
            writer.transport.abort()
            return
        self.seen["connections"] += 1
        link = _Link(self, self.seen["connections"], (reader, writer), beyond, self._beyond.request)
        link.stall(self._stall_new_until)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


class _Link:
    """One connection through a proxy."""

    def __init__(
        self,
        proxy: Proxy,
        number: int,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        request: bytes,
    ) -> None:
        self.number = number
        self._proxy = proxy
        self._from_near, self._to_near = near
        self._from_far, self._to_far = far
        self._request = request
        self._asked = False
        self._stalled_until = 0.0
        self._drips_until = 0.0
        self._keep_far = 0.0
        self._pumps: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        self._pumps = [
            asyncio.create_task(self._pump(self._from_near, self._to_far, self._upward)),
            asyncio.create_task(self._pump(self._from_far, self._to_near, self._downward)),
        ]
        await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in self._pumps:
            pump.cancel()
        self._to_near.close()  # what was written before still goes out
        if self._keep_far:
            await asyncio.sleep(self._keep_far)
        self._to_far.close()

    def cut(self) -> None:
        self._keep_far = 0.0
        self._to_near.transport.abort()
        self._to_far.transport.abort()
        self._end()

    def half_open(self, seconds: float) -> None:
        self._keep_far = seconds
        self._to_near.transport.abort()
        self._end()

    def drip(self, until: float) -> None:
        self._drips_until = until

    def stall(self, until: float) -> None:
        self._stalled_until = max(self._stalled_until, until)

    def _end(self) -> None:
        for pump in self._pumps:
            pump.cancel()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, passes: Callable[[bytes], bool]
    ) -> None:
        """Hands on what comes, until one side is gone. An end of the stream is stalled like anything else:
        what a dead worker sent before still arrives."""
        try:
            while True:
                data = await source.read(_CHUNK)
                while (wait := self._stalled_until - asyncio.get_running_loop().time()) > 0:
                    await asyncio.sleep(wait)
                if not data or not passes(data):
                    return
                if sink is self._to_near:
                    data = await self._dripped(data)
                sink.write(data)
                await sink.drain()
        except OSError:
            return  # reset by either side: the other one is closed as well

    async def _dripped(self, data: bytes) -> bytes:
        """Writes it a byte at a time while it drips. Returns what is left then."""
        loop = asyncio.get_running_loop()
        while data and loop.time() < self._drips_until:
            self._to_near.write(data[:1])
            await self._to_near.drain()
            data = data[1:]
            await asyncio.sleep(_DRIP_SECONDS)
        return data

    def _upward(self, data: bytes) -> bool:
        if self._request in data:
            self._asked = True
        return True

    def _downward(self, data: bytes) -> bool:
        asked, self._asked = self._asked, False
        if asked and self._proxy.answers_to_lose > 0:
            self._proxy.answers_to_lose -= 1
            self._proxy.seen["answers_lost"] += 1
            self._to_near.transport.abort()
            return False
        return True


@contextmanager
def proxies(beyond: Mapping[str, Beyond]) -> Iterator[dict[str, Proxy]]:
    """A proxy in front of each, served by a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxies")
    thread.start()
    made = {name: Proxy(loop, there) for name, there in beyond.items()}
    try:
        for proxy in made.values():
            asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(timeout=10)
        yield made
    finally:
        for proxy in made.values():
            asyncio.run_coroutine_threadsafe(proxy.close(), loop).result(timeout=10)
        asyncio.run_coroutine_threadsafe(_settle(), loop).result(timeout=30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _settle() -> None:
    """Waits for the end of every connection's task."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _bound(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", port))
    found.setblocking(False)
    return found
