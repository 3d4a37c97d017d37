"""The one place that turns an HTTP outcome into a named error: no answer, a status, a refusal.

What belongs here: every reading of a status code, a transport exception or ResMan's error words.
Errors are returned, not raised, so that the caller raises them outside its `except` block: a
chained transport exception would carry the request, and with it keys and personal data.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any

import requests
from urllib3 import exceptions as urllib3_errors

from domiq_dagster.resman.errors import (
    AnswerTooLarge,
    BadCredentials,
    BadRequest,
    Busy,
    Disposition,
    Garbled,
    NoAnswer,
    NoSuchEndpoint,
    NotEntitled,
    Refused,
    ResManError,
    ServerFault,
    UnknownSource,
    Unreachable,
)
from domiq_dagster.resman.redact import describe

NOT_ENTITLED_CODE = "20001"
MAX_WAIT = 86_400.0
"""Longest wait in seconds that is believed: more is taken for a mistake and cut to this."""

_BEFORE_SENDING = (
    urllib3_errors.ConnectTimeoutError,
    urllib3_errors.NewConnectionError,
    urllib3_errors.NameResolutionError,
    urllib3_errors.SSLError,
    urllib3_errors.ProxyError,
    urllib3_errors.LocationValueError,
)
_BAD_REQUEST = frozenset({400, 409, 413, 414, 422, 431})
_ABOUT_ACCOUNT = frozenset({401, 402, 403})
_CREDENTIALS = re.compile(
    r"credential|api[\s_-]?key|partner|(?:not|un)[\s-]?authori[sz]ed|authenticat", re.IGNORECASE
)
_NOT_ENTITLED = re.compile(r"not (?:permitted|entitled|allowed) to (?:call|use|access)", re.IGNORECASE)
_UNKNOWN_SOURCE = re.compile(r"transaction source could not be found", re.IGNORECASE)
# A database's or a proxy's trouble that comes wrapped in a 200: it does not name this change as wrong.
_PASSING_TROUBLE = re.compile(r"deadlock|timeout expired|timed out|try again", re.IGNORECASE)
_TEXT_IN_XML = re.compile(rb"<ErrorDescription>([^<]*)</ErrorDescription>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """What an error may tell about a request, and what it must not.

    `what` names it, such as `POST MITS/SearchProspects`; `write` says whether it may change ResMan;
    `private` are values we sent that ResMan may echo, to be blanked.
    """

    what: str
    write: bool = False
    private: tuple[str | None, ...] = ()

    @property
    def in_doubt(self) -> Disposition:
        """The disposition of a failure after the request left."""
        return Disposition.UNKNOWN if self.write else Disposition.TRANSIENT


def from_exception(error: Exception, request: Request, *, sent: bool | None) -> ResManError:
    """What a transport exception means.

    `sent` is whether any of the request's body left, or None if it has none. A body that did not
    leave is certain knowledge; without it the exception's kind decides, and in doubt it left.
    """
    if isinstance(error, requests.exceptions.ContentDecodingError | urllib3_errors.DecodeError):
        return garbled(request, "its compression is broken")
    root = _root(error)
    unsent = not sent if sent is not None else _is_before_sending(error, root)
    if unsent:
        return Unreachable(f"{request.what}: no connection was made ({type(root).__name__})")
    return no_answer(request, type(root).__name__)


def _root(error: BaseException) -> BaseException:
    """The urllib3 or socket exception inside what requests raises."""
    for _ in range(5):
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    return error


def _is_before_sending(error: Exception, root: BaseException) -> bool:
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    return isinstance(root, _BEFORE_SENDING) or isinstance(error, requests.exceptions.SSLError)


def no_answer(request: Request, why: str) -> NoAnswer:
    return NoAnswer(f"{request.what}: no whole answer came ({why})", disposition=request.in_doubt)


def garbled(request: Request, why: str, *, http_status: int | None = None) -> Garbled:
    return Garbled(
        f"{request.what}: the answer cannot be read: {why}",
        http_status=http_status,
        disposition=request.in_doubt,
    )


def from_status(
    status: int, headers: Mapping[str, str], body: bytes, request: Request, *, now: datetime
) -> ResManError:
    """What an answer other than 2xx means. `body` is its beginning; it may be anything."""
    answer_body = _ErrorBody.read(body)
    wait = _wait(headers.get("Retry-After"), now)
    facts: dict[str, Any] = {
        "http_status": status,
        "code": answer_body.code,
        "retry_after": answer_body.retry_after if wait is None else wait,
        "description": describe(answer_body.description, request.private),
    }
    says = f"{request.what}: ResMan answered {status}"
    if status in _ABOUT_ACCOUNT:
        if status == 401 and answer_body.code == NOT_ENTITLED_CODE:
            return NotEntitled(f"{says}, this partner may not use this endpoint", **facts)
        return BadCredentials(f"{says}, it does not accept the credentials", **facts)
    if status in _BAD_REQUEST:
        return BadRequest(f"{says}, the request is malformed", **facts)
    if status in (425, 429):
        return Busy(f"{says}, it asks to wait", **facts)
    if status == 408:
        return ServerFault(says, disposition=request.in_doubt, **facts)
    if 300 <= status < 500:
        return NoSuchEndpoint(f"{says}, is the base URL right?", **facts)
    if status == 502 and b"buffer overflow" in body.lower():
        disposition = Disposition.UNKNOWN if request.write else None
        return AnswerTooLarge(f"{says}, its answer grew too large", disposition=disposition, **facts)
    if 500 <= status < 600:
        if answer_body.in_envelope and _CREDENTIALS.search(answer_body.description or ""):
            return BadCredentials(f"{says}, it does not accept the credentials", **facts)
        return ServerFault(f"{says}, a fault on its side", disposition=request.in_doubt, **facts)
    return garbled(request, f"status {status} is not one of HTTP's", http_status=status)


def from_refusal(description: str | None, code: str | None, request: Request) -> ResManError:
    """What a v1 answer with HTTP 200 and a Status other than Success means."""
    text = description or ""
    facts: dict[str, Any] = {
        "http_status": 200,
        "code": code,
        "description": describe(text, request.private),
    }
    if _UNKNOWN_SOURCE.search(text):
        return UnknownSource(f"{request.what}: ResMan does not know the source at this property", **facts)
    if _NOT_ENTITLED.search(text):
        return NotEntitled(f"{request.what}: this partner may not use this endpoint", **facts)
    if _CREDENTIALS.search(text):
        return BadCredentials(f"{request.what}: ResMan does not accept the credentials", **facts)
    if _PASSING_TROUBLE.search(text):
        return ServerFault(
            f"{request.what}: ResMan reports trouble of its own", disposition=request.in_doubt, **facts
        )
    return Refused(f"{request.what}: ResMan refused the request", **facts)


@dataclass(frozen=True, slots=True)
class _ErrorBody:
    """What the body of an error says, as far as it says anything."""

    code: str | None = None
    description: str | None = None
    retry_after: float | None = None
    in_envelope: bool = False
    """The words stand in v1's ErrorDescription, so they are ResMan's own and not a proxy's."""

    @classmethod
    def read(cls, body: bytes) -> _ErrorBody:
        found = _TEXT_IN_XML.search(body)
        if found:
            return cls(description=unescape(found[1].decode("utf-8", "replace")), in_envelope=True)
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return cls()  # HTML, nothing, or cut: the status alone has to do
        if not isinstance(data, dict):
            return cls()
        keys = {str(key).lower(): value for key, value in data.items()}
        own = keys.get("errordescription")
        text = own or keys.get("message")
        return cls(
            code=code_text(keys.get("code")),
            description=text if isinstance(text, str) else None,
            retry_after=_seconds(keys.get("retry_after", keys.get("retryafter"))),
            in_envelope=isinstance(own, str),
        )


def code_text(value: object) -> str | None:
    """ResMan's error code as text, whichever JSON type it came in."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float | str):
        return str(value).strip()[:40] or None
    return None


def _wait(header: str | None, now: datetime) -> float | None:
    """Retry-After in seconds, which may be a number or an HTTP date."""
    if not header:
        return None
    seconds = _seconds(header)
    if seconds is not None:
        return seconds
    try:
        when = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None  # not a date either: as good as no hint
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return _bounded((when - now).total_seconds())


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return _bounded(float(value))
    except (ValueError, OverflowError):
        return None


def _bounded(seconds: float) -> float | None:
    return None if math.isnan(seconds) else min(max(seconds, 0.0), MAX_WAIT)
