"""How long an exchange with ResMan may take as a whole: connecting, sending, and reading the answer to its
end.

The timeouts of requests and urllib3 are of one wait each, so an answer that drips would last for ever. Here
each wait of a socket is no longer than what is left of the exchange, also while a proxy opens a tunnel. Two
ways keep the timeouts of one wait: a handshake with ResMan inside of TLS with a proxy (a proxy at https://),
and whatever goes through SOCKS. Nothing of a request is sent in them once its time is over.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.poolmanager import PoolManager
from urllib3.util.connection import allowed_gai_family

WRITE_SECONDS = 30.0
"""The whole of a request that may change ResMan. How long others wait for whoever makes one follows from
it."""
CONNECT_SECONDS = WRITE_SECONDS / 3
"""To connect, over all addresses of the host, and as long again for the handshake of TLS: what is left is for
the answer."""
READ_SECONDS = 60.0
"""The whole of a request that only reads, while little of its answer comes."""
SILENCE_SECONDS = READ_SECONDS
"""Without a single byte, while something is sent or read."""
BYTES_PER_SECOND = 64 * 1024
"""What a large answer must bring for each second beyond that."""
LONGEST_READ_SECONDS = 300.0
"""The whole of any request, however much its answer brings."""
LOOK_SECONDS = 1.0
"""How often whoever waits looks up: whether the slot is still ours, and whether to stop."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def seconds_now() -> float:
    """Seconds on a clock that goes on while the process is stopped or the machine sleeps."""
    return time.clock_gettime(_CLOCK)


class Permit(Protocol):
    """What the guard gives for one request.

    Attributes:
        since: when it was asked for, as `seconds_now` tells it.
        until: when the request must be over.
    """

    since: float
    until: float

    def look(self) -> None:
        """Called every LOOK_SECONDS while the request is under way; may move `until`."""


class DeadlinePassed(TimeoutError):
    """The exchange lasted too long as a whole."""


class Exchange:
    """One request and its answer, against the clock.

    Args:
        write: whether it may change ResMan.
        allowed: for how many seconds it may last while little comes.

    Attributes:
        late: it was ended since it lasted too long.
    """

    def __init__(
        self,
        *,
        write: bool,
        permit: Permit | None = None,
        allowed: float | None = None,
        silence: float = SILENCE_SECONDS,
        clock: Callable[[], float] = seconds_now,
    ) -> None:
        self._clock = clock
        self._permit = permit
        self._write = write
        self._allowed = allowed if allowed is not None else WRITE_SECONDS if write else READ_SECONDS
        self._silence = silence
        self._began = clock() if permit is None else permit.since
        self._looked_at = self._heard_at = clock()
        self._received = 0
        self.late = False

    @property
    def _ends(self) -> float:
        extra = 0.0 if self._write else self._received / BYTES_PER_SECOND
        ends = self._began + min(self._allowed + extra, max(self._allowed, LONGEST_READ_SECONDS))
        return ends if self._permit is None else min(ends, self._permit.until)

    def left(self) -> float:
        """Seconds until it must be over. Raises DeadlinePassed."""
        left = self._ends - self._clock()
        if left <= 0:
            self.late = True
            raise DeadlinePassed("the exchange lasts too long")
        return left

    def wait(self) -> float:
        """How long the next wait may last. Raises TimeoutError where there is no time left for one."""
        now = self._clock()
        if self._permit is not None and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._permit.look()
        silent = self._heard_at + self._silence - now
        if silent <= 0:
            raise TimeoutError("not a byte came")
        return min(self.left(), silent, LOOK_SECONDS)

    def moved(self, received: int = 0) -> None:
        """Something was sent, or so many bytes came."""
        self._received += received
        self._heard_at = self._clock()


_under_way: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def sending(exchange: Exchange) -> Iterator[None]:
    """The connection that takes a request within this block belongs to the exchange until its next one."""
    before = _under_way.set(exchange)
    try:
        yield
    finally:
        _under_way.reset(before)


class _TimedSocket:
    """A connected socket, plain or TLS, of which no wait outlasts the exchange under way."""

    # As urllib3's own sockets that are none: a file over it counts as one more holder.
    makefile = socket.socket.makefile

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._io_refs = 0
        self._closed = False
        self.exchange: Exchange | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def settimeout(self, seconds: float | None) -> None:
        """Each wait is timed by itself."""

    def sendall(self, data: Any) -> None:
        left = memoryview(data).cast("B")
        while left:
            left = left[self._timed(self._raw.send, left) :]
            if self.exchange is not None:
                self.exchange.moved()

    def recv_into(self, buffer: Any, *sizes: int) -> int:
        count = self._timed(self._raw.recv_into, buffer, *sizes)
        if self.exchange is not None:
            self.exchange.moved(count)
        return count

    def _timed(self, step: Callable[..., int], *values: Any) -> int:
        while True:
            self._raw.settimeout(SILENCE_SECONDS if self.exchange is None else self.exchange.wait())
            try:
                return step(*values)
            except TimeoutError:
                if self.exchange is None:
                    raise

    def close(self) -> None:
        self._closed = True
        if self._io_refs <= 0:
            self._raw.close()

    def _decref_socketios(self) -> None:
        self._io_refs = max(0, self._io_refs - 1)
        if self._closed:
            self.close()


class _Timed(HTTPConnection):
    """What both kinds of connection do differently from urllib3's."""

    def request(self, *args: Any, **options: Any) -> None:
        if isinstance(self.sock, _TimedSocket):
            self.sock.exchange = _under_way.get()
        super().request(*args, **options)

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _TimedSocket(self.sock)
        self.sock.exchange = _under_way.get()

    def _tunnel(self) -> None:
        """What is said to a proxy, and its answer, before TLS with ResMan begins."""
        raw: Any = self.sock
        self.sock = _TimedSocket(raw)
        self.sock.exchange = exchange = _under_way.get()
        super()._tunnel()
        self.sock = raw
        raw.settimeout(self._for_handshake(exchange))

    def _for_handshake(self, exchange: Exchange | None) -> float:
        """How long a handshake of TLS may last as a whole."""
        return float(self.timeout or CONNECT_SECONDS) if exchange is None else exchange.left()

    def _new_conn(self) -> socket.socket:
        """A connection to the first address that takes one. (urllib3 would give each the whole time.)"""
        try:
            return self._connected()
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError:
            raise LocationParseError(f"'{self.host}', label empty or too long") from None
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection in time: {error}") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error}") from error

    def _connected(self) -> socket.socket:
        exchange = _under_way.get()
        allowed = float(self.timeout or CONNECT_SECONDS)
        found = socket.getaddrinfo(self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        failure: OSError = OSError("its name has no address")
        for number, (family, kind, protocol, _, address) in enumerate(found):
            if exchange is not None:
                allowed = min(allowed, exchange.left())
            began = seconds_now()
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(max(allowed, 0.001) / (len(found) - number))
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
                allowed -= seconds_now() - began
                continue
            sock.settimeout(self._for_handshake(exchange))
            return sock
        raise failure


class _TimedHTTP(_Timed):
    pass


class _TimedHTTPS(_Timed, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _TimedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPS


class TimedAdapter(HTTPAdapter):
    """requests' own way out, over connections that keep an exchange's deadline. It tries nothing again."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        _time(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):  # those bring pools of their own
            _time(manager)
        return manager


def _time(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
