"""Any service that Apprise knows, sent by Apprise itself, which answers True or False.

Why it answers False is told by its log alone. Two things in there are evidence:

- an error of `requests`, which each of its services logs while handling it: its type says whether the request
  never left;
- the status of an answer, which they log as `error=404`.

Where there is neither, nobody can say whether the message left: it is unknown, and so not repeated.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import requests

from domiq_dagster.sync.notifications.channels.http import Exchange, failure, never_left, private_logs
from domiq_dagster.sync.notifications.channels.message import DELIVERED, SendResult, combined, unknown

if TYPE_CHECKING:
    from apprise import NotifyBase

_MENTION = re.compile(r"<[!@#]|@(?=everyone\b|here\b|channel\b|all\b|room\b)", re.IGNORECASE)
_STATUS = re.compile(r"\berror=([2-5]\d\d)\b")


def notify(service: NotifyBase, title: str, text: str, *, is_markup: bool = False) -> SendResult:
    """Has Apprise send a message to the targets of its object.

    Args:
        service: the URL, as Apprise reads it.
        title: plain text; may be empty.
        text: plain text.
        is_markup: mentions in the text count; else nobody is called by a name that looks like one.
    """
    title, text = _unmentioned(title), text if is_markup else _unmentioned(text)
    service.retry = 0  # whoever repeats must know that nothing arrived
    with private_logs(), _evidence() as exchanges:
        try:
            taken = bool(service.notify(body=text, title=title, overflow="upstream"))
        except Exception as error:  # a service may raise anything, and at any point
            return unknown(f"the service failed ({type(error).__name__})")
    if taken:
        return DELIVERED
    if not exchanges:
        return unknown("the service failed (it does not say how)")
    result = failure(exchanges)
    # Of several targets, it says nothing of those that have the message already.
    return combined([result, DELIVERED]) if len(service) > 1 else result


def _unmentioned(text: str) -> str:
    """With a blank of no width after what would call people: @everyone, <!here>, <@U123>."""
    return _MENTION.sub(lambda found: f"{found[0]}\u200b", text)


_exchanges: ContextVar[list[Exchange] | None] = ContextVar("_exchanges", default=None)


@contextmanager
def _evidence() -> Iterator[list[Exchange]]:
    """The requests of this thread of which Apprise's log says how they failed."""
    found: list[Exchange] = []
    token = _exchanges.set(found)
    try:
        yield found
    finally:
        _exchanges.reset(token)


class _Collector(logging.Filter):
    """Reads Apprise's log, and lets nothing of it out: it names recipients, texts and tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        exchanges = _exchanges.get()
        if exchanges is not None and record.levelno >= logging.WARNING:
            found = _told_by(record)
            if found is not None:
                exchanges.append(found)
        return False


def _told_by(record: logging.LogRecord) -> Exchange | None:
    # Set where the line is logged while the error is handled.
    error = sys.exception()
    if isinstance(error, requests.RequestException):
        asked = getattr(error.request, "method", None)
        return Exchange(left=not never_left(error), acts=asked != "GET")
    status = _STATUS.search(record.getMessage())
    return Exchange(left=True, status=int(status[1])) if status else None


_log = logging.getLogger("apprise")
_log.setLevel(logging.WARNING)
_log.addFilter(_Collector())
