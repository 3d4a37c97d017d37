"""What a library that answers only True or False heard on the wire, told by the place where `requests` hands
its requests to the network.

Apprise sends through `requests` and swallows what happens: a refused address, a host that is down and an
answer that never came are all False. Only the first two may be dealt with as if nothing was sent, so we
listen. Nothing changes for whoever does not listen.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.exceptions import SSLError as HandshakeError

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_NEVER_CONNECTED = (NewConnectionError, ConnectTimeoutError, NameResolutionError, HandshakeError)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and how it ended: `status` of the answer, or none. `word` is the error code that the answer
    named, where it named one: never free text, which may repeat an address."""

    method: str
    status: int | None = None
    connected: bool = True
    retry_after: float | None = None
    word: str | None = None


_listener: ContextVar[list[Exchange] | None] = ContextVar("_listener", default=None)


@contextmanager
def listening() -> Iterator[list[Exchange]]:
    """The exchanges of this thread, as they end. Meanwhile urllib3 logs nothing: addresses and tokens are
    part of the URLs that it would name."""
    heard: list[Exchange] = []
    token = _listener.set(heard)
    try:
        yield heard
    finally:
        _listener.reset(token)


_plain_send = HTTPAdapter.send


def _send(
    self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **options: Any
) -> requests.Response:
    heard = _listener.get()
    if heard is None:
        return _plain_send(self, request, *args, **options)
    method = request.method or "GET"
    try:
        response = _plain_send(self, request, *args, **options)
        _ = response.content  # an answer that breaks off is one that never came
    except requests.RequestException as error:
        heard.append(Exchange(method, connected=not _never_connected(error)))
        raise
    heard.append(Exchange(method, response.status_code, True, _retry_after(response), _word(response)))
    return response


HTTPAdapter.send = _send  # type: ignore[method-assign]


def _never_connected(error: BaseException) -> bool:
    """Whether the error says for certain that no byte of the request left."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return False
        if isinstance(seen, (*_NEVER_CONNECTED, requests.exceptions.InvalidURL)):
            return True
        reason = getattr(seen, "reason", None) or next(
            (a for a in seen.args if isinstance(a, Exception)), None
        )
        seen = reason if isinstance(reason, BaseException) else None
    return False


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if re.fullmatch(r"\d{1,6}(\.\d+)?", value) else None


def _word(response: requests.Response) -> str | None:
    try:
        data = response.json()
    except ValueError:
        data = response.content[:200].decode("utf-8", "replace")
    if isinstance(data, dict):
        data = next((data[k] for k in ("error", "code", "error_code", "errorCode") if data.get(k)), None)
    told = str(data) if isinstance(data, (str, int)) else ""
    return told if _WORD.fullmatch(told) and not re.fullmatch(r"\d{7,}", told) else None


class _Quiet(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return _listener.get() is None


logging.getLogger("urllib3.connectionpool").addFilter(_Quiet())
logging.getLogger("urllib3.util.retry").addFilter(_Quiet())
