"""HTTP to one of ResMan's two hosts: sessions, the guard, and reading a body piece by piece.

Each request is made once and each failure becomes one of the named errors. Nothing here knows
what is asked for.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import requests
from requests.auth import AuthBase
from urllib3 import exceptions as urllib3_errors

from domiq_dagster.resman import outcomes
from domiq_dagster.resman.config import Endpoint, Guard, ResManConfig, is_loopback
from domiq_dagster.resman.deadline import Exchange, Permit, TimedAdapter, sending
from domiq_dagster.resman.errors import BadCredentials, ResManError
from domiq_dagster.resman.outcomes import Request
from domiq_dagster.tracing import spans

CHUNK = 256 * 1024
_MAX_ERROR_BODY = 64 * 1024
_TRANSPORT_ERRORS = (requests.exceptions.RequestException, urllib3_errors.HTTPError, OSError)


class NoAuth(AuthBase):
    """Adds nothing. Without an explicit auth, requests would take one from the user's netrc."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


class Answer:
    """A 2xx answer whose body is read, decompressed, piece by piece.

    Attributes:
        at_end: the body was read to its end.
        size: bytes read so far.
    """

    def __init__(self, response: requests.Response, request: Request, exchange: Exchange) -> None:
        self._response = response
        self._exchange = exchange
        self.request = request
        self.content_type = response.headers.get("Content-Type", "")
        self.at_end = False
        self.size = 0

    def read(self, size: int = CHUNK) -> bytes:
        """At most about `size` bytes; empty at the end. Raises NoAnswer if the body breaks off."""
        if size == 0 or self.at_end:
            return b""
        try:
            data: bytes = self._response.raw.read(size, decode_content=True)
        except _TRANSPORT_ERRORS as error:
            failure = _broken_off(error, self.request, self._exchange, sent=True)
        else:
            self.at_end = not data
            self.size += len(data)
            return data
        raise failure

    def read_all(self, limit: int) -> bytes:
        """The whole body. Raises Garbled as soon as it exceeds `limit` bytes."""
        parts = []
        while data := self.read():
            if self.size > limit:
                raise outcomes.garbled(self.request, f"it is larger than {limit} bytes")
            parts.append(data)
        return b"".join(parts)


class Transport:
    """Requests to one base URL, a session per thread, each request inside the account's guard.

    Args:
        base_url: where the paths begin.
        config: how long a connection, a silence and a whole exchange may last.
        clock: the time now, aware; Retry-After dates are held against it.
        auth: put on every request.
    """

    def __init__(
        self,
        base_url: str,
        *,
        config: ResManConfig,
        guard: Guard,
        clock: Callable[[], datetime],
        auth: AuthBase | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._config = config
        self._guard = guard
        self._clock = clock
        self._auth = auth or NoAuth()
        # A proxy from the environment cannot reach this machine's own loopback.
        self._host = urlsplit(base_url).hostname or ""
        self._trust_env = not is_loopback(self._host)
        self._own = threading.local()
        self._lock = threading.Lock()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()

    @contextmanager
    def get(
        self,
        account_id: str,
        path: str,
        request: Request,
        *,
        params: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Iterator[Answer]:
        """GET; the guard is held until the block ends, so read the answer inside it."""
        check_account(account_id, request)
        query = f"?{urlencode(params, errors='replace')}" if params else ""
        endpoint = Endpoint(f"GET /{path}", params.get("propertyId"))
        with (
            self._guard(account_id, endpoint) as permit,
            spans.request("GET", endpoint.name, self._host) as seen,
        ):
            session = self._session()
            sent = _Sent("GET", path + query, headers, self._exchange(request, permit), seen=seen)
            yield from self._answer(session, sent, request)

    @contextmanager
    def post(
        self,
        account_id: str,
        path: str,
        request: Request,
        *,
        form: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Iterator[Answer]:
        """POST a form; the guard is held until the block ends.

        A write opens a connection of its own and says that it is the last on it. On a kept one
        that the server has just closed, the request would get a reset, which leaves its outcome
        unknown and costs a probe; a new connection costs a handshake.
        """
        check_account(account_id, request)
        sent_headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        with (
            self._guard(account_id, Endpoint(path, form.get("PropertyID"))) as permit,
            spans.request("POST", path, self._host) as seen,
        ):
            session, exchange = self._session(), self._exchange(request, permit)
            body = _Body(urlencode(form, errors="replace").encode("ascii"), exchange)
            sent = _Sent("POST", path, sent_headers, exchange, body, seen)
            if not request.write:
                yield from self._answer(session, sent, request)
                return
            session.close()  # drops this thread's idle connections; the session itself stays usable
            sent_headers["Connection"] = "close"
            try:
                yield from self._answer(session, sent, request)
            finally:
                # A server that closes without saying so would leave a dead connection for the next read.
                session.close()

    def close(self) -> None:
        """Closes idle connections of all threads. The transport stays usable."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = requests.Session()
            session.headers["User-Agent"] = "domiq-resman-sync"
            session.trust_env = self._trust_env
            for scheme in ("http://", "https://"):
                session.mount(scheme, TimedAdapter())
            self._own.session = session
            with self._lock:
                self._sessions.add(session)
        return session

    def _exchange(self, request: Request, permit: Permit | None) -> Exchange:
        config = self._config
        return Exchange(
            write=request.write,
            permit=permit,
            allowed=config.longest_write if request.write else config.longest_read,
            silence=config.read_timeout,
        )

    def _answer(self, session: requests.Session, sent: _Sent, request: Request) -> Iterator[Answer]:
        response = self._send(session, sent, request)
        if sent.seen is not None:
            sent.seen.http_status = response.status_code
        try:
            if not 200 <= response.status_code < 300:
                raise self._failure(response, request)
            yield Answer(response, request, sent.exchange)
        finally:
            response.close()

    def _send(self, session: requests.Session, sent: _Sent, request: Request) -> requests.Response:
        try:
            with sending(sent.exchange):
                sent.exchange.left()
                return session.request(
                    sent.method,
                    f"{self._base_url}/{sent.path}",
                    data=sent.body,
                    headers=dict(sent.headers),
                    auth=self._auth,
                    timeout=(self._config.connect_timeout, self._config.read_timeout),
                    allow_redirects=False,
                    stream=True,
                )
        except _TRANSPORT_ERRORS as error:
            failure = _broken_off(error, request, sent.exchange, sent=sent.body.left if sent.body else None)
        raise failure

    def _failure(self, response: requests.Response, request: Request) -> ResManError:
        try:
            body: bytes = response.raw.read(_MAX_ERROR_BODY, decode_content=True)
        except _TRANSPORT_ERRORS:
            body = b""  # the status came and decides; its body would only have explained it
        return outcomes.from_status(response.status_code, response.headers, body, request, now=self._clock())


class _Body:
    """A request body that knows whether any of it was handed to the socket.

    requests raises the same errors for a connection that was never made (a TLS handshake that
    failed) and for one that broke while the answer was awaited. Whether the body was asked for
    tells them apart for certain. Once the exchange's time is over nobody gets it.
    """

    def __init__(self, data: bytes, exchange: Exchange) -> None:
        self._data = data
        self._exchange = exchange
        self.left = False

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        self._exchange.left()
        self.left = True
        yield self._data


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request as it is sent, the exchange that it begins, and its span, where it has one."""

    method: str
    path: str
    headers: Mapping[str, str]
    exchange: Exchange
    body: _Body | None = None
    seen: spans.Request | None = None


def _broken_off(error: Exception, request: Request, exchange: Exchange, *, sent: bool | None) -> ResManError:
    """What a transport exception means. `sent`: as `outcomes.from_exception` takes it."""
    if exchange.late:
        return outcomes.too_slow(request, sent=sent is not False)
    return outcomes.from_exception(error, request, sent=sent)


def check_account(account_id: str, request: Request) -> None:
    """Raises BadCredentials for an account id that no header can carry: nothing was sent."""
    if not account_id or not account_id.isascii() or not account_id.isprintable() or " " in account_id:
        raise BadCredentials(f"{request.what}: the ResMan account id is empty or cannot be sent in a header")
