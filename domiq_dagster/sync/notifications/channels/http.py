"""HTTP to the service of a channel: one request, and how it ended.

What never left may be sent again, and what was refused is settled. What left without a whole answer must not
be repeated, and nobody else can tell the three apart: so the requests of the common services are our own.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError

from domiq_dagster.sync.notifications.channels.message import SendResult, later, refused, unknown

if TYPE_CHECKING:
    from apprise import URLBase

USER_AGENT = "DomIQ"
_NOTHING_DONE = (408, 425, 429, 503)
"""Answers that say that nothing was done, and that it may be tried again."""
_RATE_LIMITED = ("ratelimited", "rate_limited")
_NEVER_CONNECTED = (
    *(NewConnectionError, ConnectTimeoutError, NameResolutionError, ProxyError),
    *(ssl.SSLCertVerificationError, requests.exceptions.InvalidURL),
)
_PLAIN_SIGNS = re.compile(r"[\W_]+")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and how it ended.

    Attributes:
        left: some of it may have reached the service.
        status: the answer's; None where no whole answer came.
        acts: the service does something on it. A lookup may be repeated whatever became of it.
        retry_after: seconds, as the answer asks.
        code: the error code that the answer names; never free text, which may repeat an address.
        body: the answer's.
    """

    left: bool
    status: int | None = None
    acts: bool = True
    retry_after: float | None = None
    code: str | None = None
    body: bytes = field(default=b"", repr=False)

    @property
    def in_doubt(self) -> bool:
        """Whether the service may have done what was asked, though it did not say so."""
        if not self.acts:
            return False
        if self.status is None:
            return self.left
        return self.status >= 500 and self.status not in _NOTHING_DONE


def exchange(
    service: URLBase,
    url: str,
    body: bytes | None,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
) -> Exchange:
    """Makes one request. What a service does not answer is told by the result, not raised.

    Args:
        service: Apprise's object, which holds what its URL says of timeouts, certificates and redirects.
        url: where to; may hold a token.
        body: what to send; None for none.
        method: of HTTP.
        headers: besides the name of the program.
        params: go into the query.
        auth: user and password, for HTTP's own authentication.
    """
    sent = _Body(body) if body else None
    with private_logs(), requests.Session() as session:
        try:
            answer = session.request(
                method,
                url,
                data=sent,
                params=params,
                headers={"User-Agent": USER_AGENT, **(headers or {})},
                # Without an explicit one, requests would take one from the user's netrc.
                auth=auth or _unchanged,
                timeout=service.request_timeout,
                verify=service.verify_certificate,
                allow_redirects=service.redirects,
            )
        except (OSError, ValueError) as error:  # what requests raises is an OSError
            return Exchange(sent.left if sent else not never_left(error))
    return Exchange(
        True,
        answer.status_code,
        retry_after=_retry_after(answer),
        code=_error_code(answer, body, params),
        body=answer.content,
    )


def failure(exchanges: Sequence[Exchange]) -> SendResult:
    """What became of a message that a service did not take, told by its requests, the first one first."""
    doubtful = next((e for e in exchanges if e.in_doubt), None)
    if doubtful is not None:
        how = "no answer came" if doubtful.status is None else f"HTTP {doubtful.status}"
        return unknown(f"the service had the message and failed ({how})")
    last = exchanges[-1]
    if last.status is None:
        how = "does not answer" if last.left else "cannot be reached"
        return later(f"the service {how}", whole_channel=True)
    code = f": {last.code}" if last.code and last.code != str(last.status) else ""
    answer = f"HTTP {last.status}{code}"
    if last.status in _NOTHING_DONE or last.code in _RATE_LIMITED:
        return later(f"the service asks to wait ({answer})", whole_channel=True, retry_after=last.retry_after)
    if last.status == 401:
        return later(f"the service refuses the credentials ({answer})", whole_channel=True)
    if last.status >= 500:
        return later(f"the service failed ({answer})", whole_channel=True)
    return refused(f"the service refuses it ({answer})")


def never_left(error: BaseException) -> bool:
    """Whether an error of `requests` says for certain that no byte of the request left.

    A broken TLS connection is not among them, save for a certificate that is not accepted: the same error
    stands for a handshake that failed and for an answer that broke off.
    """
    seen: BaseException | None = error
    for _ in range(8):  # deep enough for all chains of urllib3; a chain may be a circle
        if seen is None:
            return False
        if isinstance(seen, _NEVER_CONNECTED):
            return True
        inner = (getattr(seen, "reason", None), *seen.args, seen.__cause__)
        seen = next((e for e in inner if isinstance(e, BaseException)), None)
    return False


_private: ContextVar[bool] = ContextVar("_private", default=False)


@contextmanager
def private_logs() -> Iterator[None]:
    """Meanwhile urllib3 logs nothing of this thread: addresses and tokens are part of the URLs it names."""
    token = _private.set(True)
    try:
        yield
    finally:
        _private.reset(token)


class _NotWhilePrivate(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _private.get()


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_NotWhilePrivate())


class _Body:
    """A request's body that knows whether any of it was handed to the socket.

    requests raises the same errors for a connection that was never made and for one that broke while the
    answer was awaited. Whether the body was asked for tells them apart for certain.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.left = False

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        self.left = True
        yield self._data


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _retry_after(answer: requests.Response) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return float(value) if re.fullmatch(r"\d{1,6}(\.\d+)?", value) else None


def _error_code(
    answer: requests.Response, body: bytes | None, params: Mapping[str, str] | None
) -> str | None:
    """The code that an answer names; None for what only repeats something that was sent."""
    data: Any
    try:
        data = answer.json()
    except ValueError:
        data = answer.content[:200].decode("utf-8", "replace")
    if isinstance(data, dict):
        data = next((data[k] for k in ("error", "code", "error_code", "errorCode") if data.get(k)), None)
    code = str(data) if isinstance(data, (str, int)) else ""
    if not _CODE.fullmatch(code) or re.search(r"\d{7,}", re.sub(r"[_.-]", "", code)):
        return None  # seven digits may be somebody's number
    sent = unquote_plus((body or b"").decode("utf-8", "replace") + " ".join((params or {}).values()))
    plain, ours = (_PLAIN_SIGNS.sub("", text.casefold()) for text in (code, sent))
    is_repeated = len(plain) > 2 and not plain.isdigit() and (plain in ours or plain[::-1] in ours)
    return None if is_repeated else code
