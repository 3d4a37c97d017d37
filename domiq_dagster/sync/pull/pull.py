"""Bringing a property's prospects in: everything modified since the watermark, less an overlap.

What came is staged while it streams, then stored together with the new watermark in one transaction.
The watermark is the newest lastModified that is safely stored, never a clock's time, and never passes the
instant at which the pull began. A full re-read asks for everything again, since not every change at ResMan
moves lastModified, and sees who is gone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.resman.prospect import WITHOUT_ID, Prospect, UnreadableProspect
from domiq_dagster.sync import trouble
from domiq_dagster.sync.account_gate import before_request
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.finder import LinkFinder
from domiq_dagster.sync.linking.property_contacts import property_contacts
from domiq_dagster.sync.pull.candidates import Glance
from domiq_dagster.sync.pull.deletions import (
    Absences,
    carry_agreed,
    close_vanished,
    note_absences,
    note_return,
)
from domiq_dagster.sync.pull.overlap import PullRules, ask
from domiq_dagster.sync.pull.staging import Measured, Stage
from domiq_dagster.sync.pull.windows import Reach, WindowedReader

__all__ = ["PullRules", "Pulled", "pull_all", "pull_property"]
logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "pull.sql")
_MOST_UNREADABLE = 1_000
"""So many are named; should there be more, the first ones tell enough."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull of one property brought."""

    partition_key: str
    fetched: int
    stored: int
    """New or different since the last time."""
    linked: int
    modified_since: datetime
    watermark: datetime | None
    unchanged: int = 0
    silent: int = 0
    """Changed, though lastModified did not move."""
    overlap: timedelta = timedelta(0)
    late: timedelta = timedelta(0)
    """How far behind the watermark the latest newcomer lay."""
    requests: int = 1
    """How many answers it took: more than one where one would have been too large."""
    missing: int = 0
    """Stored, but not in the answer of a full read."""
    vanished: int = 0
    """Confirmed to be gone."""
    distrust: str | None = None
    """Why this full read was not believed to be whole."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Prospects that could not be read, by id where they have one, each with why. They are asked for
    again."""


def pull_property(
    engine: Engine,
    client: ResManClient,
    integration: Integration,
    *,
    full: bool = False,
    since: datetime | None = None,
    believe_short: bool = False,
    rules: PullRules | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Pulled:
    """Pulls one property. `since` (aware) overrides the watermark, `full` asks for everything;
    `believe_short` is a person's word that a full read which lacks much is right.

    Raises:
        Exception: nothing of this pull was stored; the failure is on record in the watermark table, save
            where the database itself is gone. Mostly a ResManError; anything else is a fault of ours or of
            the database.
    """
    with engine.connect() as connection:
        pull = _Pull(connection, client, integration, full, since, rules or PullRules(), clock())
        try:
            pulled = pull.run(believe_short)
        except Exception as error:
            if not trouble.is_lost_database(error):
                pull.record_failure(error)
            raise
    logger.info(
        "pulled %s: %d fetched, %d stored, %d linked",
        pulled.partition_key,
        pulled.fetched,
        pulled.stored,
        pulled.linked,
    )
    for key, reason in pulled.unreadable.items():
        logger.warning("%s: prospect %s %s", pulled.partition_key, key, reason)
    if pulled.distrust is not None:
        logger.warning("the full read of %s is not believed: %s", pulled.partition_key, pulled.distrust)
    return pulled


class _Interrupted(Exception):
    """A pull was told to stop while it waited for its account."""


def pull_all(
    engine: Engine,
    client: ResManClient,
    integrations: Sequence[Integration],
    *,
    full: bool = False,
    since: datetime | None = None,
    believe_short: bool = False,
    rules: PullRules | None = None,
    max_accounts: int = 4,
    on_property: Callable[[Integration, Pulled | Exception], None] = lambda i, r: None,
) -> tuple[dict[str, Pulled], dict[str, Exception]]:
    """Pulls several properties: up to `max_accounts` accounts side by side, the properties of each one after
    the other. One property's failure, whatever it is, touches no other: only a database that is gone ends
    all. Returns what came and what failed, by partition key. `on_property` is called as each ends."""
    pulled: dict[str, Pulled] = {}
    errors: dict[str, Exception] = {}

    interrupted = threading.Event()

    accounts: dict[str, list[Integration]] = {}
    for integration in integrations:
        accounts.setdefault(integration.account_id, []).append(integration)

    def still_wanted(_connection: Connection) -> None:
        if interrupted.is_set():
            raise _Interrupted

    def run_account(mine: list[Integration]) -> None:
        before_request.set(still_wanted)  # of this thread, which does nothing else
        for integration in mine:
            if interrupted.is_set():
                return
            try:
                result = pull_property(
                    engine,
                    client,
                    integration,
                    full=full,
                    since=since,
                    believe_short=believe_short,
                    rules=rules,
                )
            except _Interrupted:
                return
            except Exception as error:
                if trouble.is_lost_database(error):
                    raise
                trouble.log_fault(f"pull of {integration.partition_key} failed", error)
                # Without its traceback, which would keep all that the pull held.
                errors[integration.partition_key] = error.with_traceback(None)
                on_property(integration, error)
            else:
                pulled[integration.partition_key] = result
                on_property(integration, result)

    with ThreadPoolExecutor(max_workers=max_accounts, thread_name_prefix="pull") as pool:
        under_way = [pool.submit(run_account, mine) for mine in accounts.values()]
        try:
            for done in as_completed(under_way):
                done.result()
        except BaseException:
            interrupted.set()
            raise
    return pulled, errors


class _Pull:
    """One pull under way. Making it reads where the last one ended, and DomIQ's side of the linking."""

    def __init__(
        self,
        connection: Connection,
        client: ResManClient,
        integration: Integration,
        full: bool,
        since: datetime | None,
        rules: PullRules,
        now: datetime,
    ) -> None:
        self._connection, self._client, self._integration = connection, client, integration
        self._full, self._rules, self._now = full, rules, now
        self._id = integration.property_id
        begun = self._one("begin_pull", remembered_seconds=rules.late_memory.total_seconds())
        self._begun = begun
        self._asked = ask(begun.watermark, begun.late_seconds, rules, now, full=full, since=since)
        connection.commit()
        self._stage = Stage(
            connection,
            self._id,
            knows_any=begun.knows_any,
            keeps_ids=(full and begun.knows_any) or begun.misses_any,
        )
        before = begun.window_seconds and Reach(
            timedelta(seconds=begun.window_reach_seconds), timedelta(seconds=begun.window_seconds)
        )
        self._reader = WindowedReader(
            client,
            integration,
            self._asked.since,
            now,
            take=self._take,
            windows_begin=self._stage.keep_ids,
            not_seen=self._not_seen,
            on_unreadable=self._note_unreadable,
            before=before or None,
        )
        self._unreadable: dict[str, UnreadableProspect] = {}
        self._in_trouble = frozenset(begun.in_trouble)
        self._readable_again: set[str] = set()

    def run(self, believe_short: bool) -> Pulled:
        self._shared = property_contacts(self._client, self._integration)
        self._finder = LinkFinder(self._connection, self._id, shared=self._shared)
        self._glance = Glance(self._finder)
        self._connection.commit()
        reach = self._reader.read()
        self._ask_again_for_unreadable()
        pulled, record_id = self._store(reach, believe_short)
        if self._full and pulled.missing and pulled.distrust is None:
            pulled = self._close_vanished(pulled, record_id)
        return pulled

    def _take(self, answer: Iterator[Prospect]) -> None:
        try:
            self._stage.take(answer, self._look, self._note_spoiled)
        except ResManError:
            self._glance.drop()
            raise
        self._glance.keep()

    def _look(self, prospects: Sequence[Prospect]) -> None:
        self._glance.look(prospects)
        if self._in_trouble:
            self._readable_again.update({p.prospect_id for p in prospects} & self._in_trouble)

    # Prospects that cannot be read

    def _note_unreadable(self, item: UnreadableProspect) -> None:
        if item.key in self._unreadable or len(self._unreadable) < _MOST_UNREADABLE:
            self._unreadable[item.key] = item

    def _note_spoiled(self, prospect: Prospect, error: Exception) -> None:
        logger.error("a prospect could not be taken: %s", type(error).__name__)
        item = UnreadableProspect(
            prospect.prospect_id, f"could not be taken ({type(error).__name__})", prospect.prospect_id
        )
        self._readable_again.discard(item.key)
        self._note_unreadable(item)

    def _not_seen(self, ids: Sequence[str]) -> list[str]:
        """Which of these neither came nor could be read."""
        lost = {key.lower() for key in self._unreadable}
        return [i for i in self._stage.not_seen(ids) if i.lower() not in lost]

    def _ask_again_for_unreadable(self) -> None:
        """Asks for those of earlier pulls that did not come this time, by their ids: the watermark may lie
        behind them by now. One that does not come even so is there no more."""
        missed = self._in_trouble - self._readable_again - self._unreadable.keys()
        ids = sorted(key for key in missed if not key.startswith(WITHOUT_ID))
        for prospect_id in ids[: self._rules.confirm_most]:
            self._reader.read_one(prospect_id, self._now - self._rules.full_look_back)
            if prospect_id not in self._unreadable:
                self._readable_again.add(prospect_id)

    def _store_trouble(self, *, whole: bool) -> None:
        """`whole`: this pull asked for all that the ones before it did, so that what has no id and did not
        come is gone."""
        over = self._readable_again - self._unreadable.keys()
        if whole:
            over |= {k for k in self._in_trouble - self._unreadable.keys() if k.startswith(WITHOUT_ID)}
        trouble.clear(self._connection, trouble.PROSPECT, self._id, over)
        found = {key: item.reason for key, item in self._unreadable.items()}
        trouble.note(self._connection, trouble.PROSPECT, self._id, found)

    def _store(self, reach: Reach | None, believe_short: bool) -> tuple[Pulled, int]:
        """All that the pull brought and the watermark, in one transaction."""
        stage, begun, asked = self._stage, self._begun, self._asked
        stage.note_came([i.prospect_id for i in self._unreadable.values() if i.prospect_id])
        absences = Absences()
        if self._full and begun.knows_any:
            absences = note_absences(
                self._connection,
                self._id,
                asked.since,
                begun.started_at,
                stage.fetched + len(self._unreadable),
                self._rules,
                believe=believe_short,
            )
        if stage.keeps_ids:
            note_return(self._connection, self._id)
        measured = stage.measure(begun.watermark, begun.covered_since)
        stored = stage.store(begun.started_at)
        self._glance.show(self._finder)
        linked = self._finder.store(self._connection)
        carry_agreed(self._connection, self._id)
        trusted = absences.distrust is None
        # What has no id cannot be asked for again: then the next pull asks from the same place.
        nameless = any(item.prospect_id is None for item in self._unreadable.values())
        self._store_trouble(whole=asked.claims)
        claims = asked.claims and trusted and not nameless
        newest = min(stage.newest, begun.started_at) if claims and stage.newest else None
        watermark = self._one(
            "finish_pull",
            full_read=self._full and trusted,
            judged=self._full and begun.knows_any,
            watermark=newest,
            covered_since=asked.since if claims else None,
            window_seconds=reach.width.total_seconds() if reach else None,
            window_reach_seconds=reach.span.total_seconds() if reach else None,
            distrust=absences.distrust,
        ).watermark
        record_id = self._record(
            stage.fetched, stored, linked, measured=measured, absences=absences, unchanged=stage.unchanged
        )
        stage.clear()
        self._connection.commit()
        pulled = Pulled(
            self._integration.partition_key,
            stage.fetched,
            stored,
            linked,
            asked.since,
            watermark,
            unchanged=stage.unchanged,
            silent=measured.silent,
            overlap=asked.overlap,
            late=timedelta(seconds=measured.late_seconds),
            requests=self._reader.requests,
            missing=absences.missing,
            distrust=absences.distrust,
            unreadable={key: item.reason for key, item in sorted(self._unreadable.items())},
        )
        return pulled, record_id

    def _close_vanished(self, pulled: Pulled, record_id: int) -> Pulled:
        """After a believed full read: closes the links of who is gone, and links their conversations anew
        with what the same read showed."""
        gone = close_vanished(
            self._connection, self._client, self._integration, self._begun.started_at, self._rules
        )
        if not gone:
            return pulled
        finder = LinkFinder(self._connection, self._id, shared=self._shared)
        self._glance.show(finder)
        linked = finder.store(self._connection)
        carry_agreed(self._connection, self._id)
        self._run("record_vanished", id=record_id, vanished=gone, linked=linked)
        self._connection.commit()
        logger.info("%s: %d prospects are gone from ResMan", pulled.partition_key, gone)
        return replace(pulled, vanished=gone, linked=pulled.linked + linked)

    def _record(
        self,
        fetched: int = 0,
        stored: int = 0,
        linked: int = 0,
        *,
        unchanged: int = 0,
        measured: Measured | None = None,
        absences: Absences | None = None,
        error: str | None = None,
    ) -> int:
        measured, absences = measured or Measured(), absences or Absences()
        record_id: int = self._one(
            "record_pull",
            full_read=self._full,
            modified_since=self._asked.since,
            fetched=fetched,
            stored=stored,
            linked=linked,
            unchanged=unchanged,
            silent=measured.silent,
            overlap_seconds=self._asked.overlap.total_seconds(),
            late_seconds=measured.late_seconds,
            requests=self._reader.requests,
            missing=absences.missing,
            distrust=absences.distrust,
            error=error,
        ).id
        return record_id

    def record_failure(self, error: Exception) -> None:
        self._connection.rollback()
        said = trouble.sentence(error)
        self._run("record_failure", error=said)
        self._record(error=said)
        self._connection.commit()

    def _one(self, query: str, **values: Any) -> Row[Any]:
        return self._connection.execute(QUERIES[query], self._values(values)).one()

    def _run(self, query: str, **values: Any) -> None:
        self._connection.execute(QUERIES[query], self._values(values))

    def _values(self, values: dict[str, Any]) -> dict[str, Any]:
        begun = getattr(self, "_begun", None)
        return {"property_id": self._id, "started_at": begun.started_at if begun else None, **values}
