"""Reading a property whose answer is too large to come at once: in windows that halve and grow back.

v2 /Prospects has no paging, and no upper end to modifiedSince. What it has is a window of first contact
dates. So where one answer does not come (502 'buffer overflow', or none in time), the same modifiedSince is
asked for window by window of first contacts, from now backwards: a window that is too large is halved, one
that came whole is followed by one of twice its width.

Why nothing is missed:

1. Two windows that meet overlap at their edge, so that a filter which leaves its ends out, or rounds to the
   day in some zone, still shows what lies there in one of them.
2. Prospects without a first contact date, and those met before the first window or in the future, are in no
   window. And the filter may round otherwise than we think, or not be honoured at all. So no window is
   believed to be the whole: when they are through, v1 SearchProspects is asked for the ids of all that was
   modified since, in windows of its own that halve as well, and each id that did not come is asked for by
   itself. What was read is whole when ResMan's own list says so.
3. v1's ends are inclusive and its windows meet at the second; its first begins a day before modifiedSince,
   should it read our times in another zone. What changes while the windows are read is dated after the pull
   began, and the watermark never passes that instant, so the next pull asks for it.
4. Where a window brings somebody who lies far outside it, the filter is not honoured: asking for narrower
   ones is no use, and the check of step 2 decides.
5. An answer that breaks off leaves nothing staged, and if the windows cannot be read through, nothing of the
   pull is stored and the watermark stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.dates import as_instant
from domiq_dagster.resman.errors import AnswerTooLarge, NoAnswer, ResManError, ServerFault
from domiq_dagster.resman.prospect import Prospect, UnreadableProspect
from domiq_dagster.sync.integrations import Integration

logger = logging.getLogger(__name__)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_NARROWEST = timedelta(hours=1)
_NARROWEST_OF_IDS = _SECOND
_OLDEST_CONTACT = timedelta(days=20 * 365)
_FAR_OUTSIDE = timedelta(days=3)
_MOST_SINGLE = 2_000
# A request that is cut off in silence may mean a large answer or an outage: the next one is much smaller, to
# tell.
_AFTER_SILENCE = 16
_GATEWAY_TIMEOUT = 504


class NotWhole(ResManError):
    """What a property has modified could not be read whole, not even in windows."""

    kind = "not_whole"


@dataclass(frozen=True, slots=True)
class Reach:
    """What is remembered of windows: how far back the read went that was too large, and the widest window of
    first contacts that came whole."""

    span: timedelta
    width: timedelta


@dataclass(frozen=True, slots=True)
class Sink:
    """Where what is read goes.

    Attributes:
        take: stages one answer, or none of it and raises.
        windows_begin: called before the first window, when nothing is staged yet.
        not_seen: tells which of these ids did not come.
        on_unreadable: told of each prospect that could not be read; it counts as having come.
    """

    take: Callable[[Iterator[Prospect]], None]
    windows_begin: Callable[[], None]
    not_seen: Callable[[list[str]], list[str]]
    on_unreadable: Callable[[UnreadableProspect], None]


class WindowedReader:
    """Reads what a property has modified since a time, in one answer or in windows.

    Attributes:
        requests: how many requests that took.
    """

    def __init__(
        self,
        client: ResManClient,
        integration: Integration,
        since: datetime,
        now: datetime,
        sink: Sink,
        before: Reach | None = None,
    ) -> None:
        """A reader that has not asked for anything yet.

        Args:
            since: from when on what was modified is asked for; aware.
            now: when the read ends, and its windows begin; aware.
            sink: where what is read goes.
            before: what is remembered of reading in windows; None where nothing is.
        """
        self._client = client
        self._account, self._property = integration.account_id, integration.resman_property_id
        self._key = integration.partition_key
        self._since, self._now = since, now
        self._sink = sink
        self._before = before
        self.requests = 0

    def read(self) -> Reach | None:
        """Reads the whole. Returns what to remember for the next time; None where one answer was enough."""
        span = self._now - self._since
        before = self._before if self._before and span >= self._before.span / 2 else None
        width, silent = span / 2, False
        if before is not None and before.width * 2 < span:
            width = before.width * 2  # grown back by one step
        else:
            try:
                self._ask()
            except ResManError as error:
                if not too_much(error):
                    raise
                logger.info("%s: one answer is too much, reading windows (%s)", self._key, error.kind)
                if not isinstance(error, AnswerTooLarge):
                    width, silent = span / _AFTER_SILENCE, True
            else:
                return self._before if before is None else None
        self._sink.windows_begin()
        widest = self._read_windows(width, silent)
        self._read_what_lies_outside()
        return Reach(span, widest)

    def read_one(self, prospect_id: str, since: datetime) -> None:
        """Asks for one prospect by its id, if it was modified since."""
        self._ask(prospect_id=prospect_id, since=since)

    def _read_windows(self, width: timedelta, silent: bool) -> timedelta:
        """Returns the widest window that came whole. Silence twice running is an outage, not a large answer,
        and a third time would make the account's breaker keep its other properties waiting as well."""
        oldest = self._now - max(_OLDEST_CONTACT, self._now - self._since)
        end, widest = self._now, _NARROWEST
        while end > oldest:
            start = max(oldest, end - max(width, _NARROWEST))
            try:
                honoured = self._ask_window(start, end)
            except ResManError as error:
                said = isinstance(error, AnswerTooLarge)
                if not too_much(error) or end - start <= _NARROWEST or (silent and not said):
                    raise
                width, silent = (end - start) / (2 if said else _AFTER_SILENCE), not said
                continue
            silent = False
            if not honoured:
                logger.warning("%s: ResMan does not honour a window of first contacts", self._key)
                return widest
            if end - start > widest and start >= self._since:
                widest = end - start
            width, end = (end - start) * 2, start
        return widest

    def _ask_window(self, start: datetime, end: datetime) -> bool:
        """Reads one window. Returns whether ResMan honoured it."""
        edge = _DAY if end - start >= 4 * _DAY else _SECOND
        first, last = start - edge, end + edge
        watch = _Watch(first - _FAR_OUTSIDE, last + _FAR_OUTSIDE)
        self._ask(first_contact=(first, last), watch=watch)
        return not watch.outside

    def _ask(
        self,
        *,
        first_contact: tuple[datetime, datetime] | None = None,
        prospect_id: str | None = None,
        since: datetime | None = None,
        watch: _Watch | None = None,
    ) -> None:
        self.requests += 1
        answer = self._client.prospects(
            self._account,
            self._property,
            modified_since=since or self._since,
            prospect_id=prospect_id,
            first_contact=first_contact,
            on_unreadable=self._sink.on_unreadable,
        )
        with closing(answer) as prospects:
            self._sink.take(watch.over(prospects) if watch is not None else prospects)

    def _read_what_lies_outside(self) -> None:
        """Asks for each prospect by itself that v1 lists and no window brought."""
        outside = [i for ids in self._ids_that_v1_lists() for i in self._sink.not_seen(ids)]
        if len(outside) > _MOST_SINGLE:
            raise NotWhole(
                f"{len(outside)} prospects lie outside every window of first contacts, too many to ask for "
                "one by one: the answer of GET Prospects is too large, and its filter does not divide it"
            )
        for prospect_id in dict.fromkeys(outside):
            self._ask(prospect_id=prospect_id)

    def _ids_that_v1_lists(self) -> Generator[list[str], None, None]:
        start = self._since - _DAY
        width = self._now - start
        while start < self._now:
            end = min(self._now, start + max(width, _NARROWEST_OF_IDS))
            self.requests += 1
            try:
                found = self._client.search_modified(self._account, self._property, start, end)
            except ResManError as error:
                if not too_much(error) or end - start <= _NARROWEST_OF_IDS:
                    raise
                width = (end - start) / (2 if isinstance(error, AnswerTooLarge) else _AFTER_SILENCE)
                continue
            yield [record.prospect_id for record in found if record.prospect_id]
            width, start = (end - start) * 2, end


class _Watch:
    """Looks whether what comes lies within the window that was asked for."""

    def __init__(self, first: datetime, last: datetime) -> None:
        self._first, self._last = first, last
        self.outside = False

    def over(self, prospects: Iterator[Prospect]) -> Iterator[Prospect]:
        for prospect in prospects:
            contact = prospect.first_contact_date
            if contact is not None and not self._first <= as_instant(contact) <= self._last:
                self.outside = True
            yield prospect


def too_much(error: ResManError) -> bool:
    """Whether an answer may have been too large: ResMan says so, or it did not come, or not to its end."""
    return isinstance(error, AnswerTooLarge | NoAnswer) or (
        isinstance(error, ServerFault) and error.http_status == _GATEWAY_TIMEOUT
    )
