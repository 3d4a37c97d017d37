"""A pull: bringing a property's prospects in, everything modified since the watermark, less an overlap.

What came is staged while it streams, then stored together with the new watermark in one transaction.
The watermark is the newest lastModified that is safely stored, never a clock's time, and never passes the
instant at which the pull began. A full re-read asks for everything again, since not every change at ResMan
moves lastModified, and sees who is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError, Scope
from domiq_dagster.sync import trouble
from domiq_dagster.sync.account_gate import NotWanted
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.finder import LinkFinder
from domiq_dagster.sync.linking.link_state import load_link_state
from domiq_dagster.sync.linking.matching import SharedContacts
from domiq_dagster.sync.linking.property_contacts import property_contacts
from domiq_dagster.sync.linking.store import carry_agreed
from domiq_dagster.sync.pull.candidates import CandidateBuffer
from domiq_dagster.sync.pull.deletions import (
    FullRead,
    MissingLeads,
    close_vanished,
    note_missing,
    note_return,
)
from domiq_dagster.sync.pull.intake import Intake
from domiq_dagster.sync.pull.overlap import PullRules, PullWindow, pull_window
from domiq_dagster.sync.pull.record import PullHistory, PullRecord, PullStart
from domiq_dagster.sync.pull.staging import Stage
from domiq_dagster.sync.pull.unreadable import UnreadableProspects
from domiq_dagster.sync.pull.windows import Reach, WindowedReader
from domiq_dagster.sync.queue import lanes

__all__ = ["PullOptions", "PullRules", "Pulled", "pull_property"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PullOptions:
    """How much to ask for.

    Attributes:
        full: everything rather than what changed.
        since: from this time (aware) on instead of from the watermark.
        believe_short: a person's word that a full read which lacks much is right.
        max_accounts: how many accounts are asked side by side.
        seldom_on_record: whether a pull that brings nothing goes on record only where none has for 10
            minutes. Whoever pulls each minute would else fill the table with that.
    """

    full: bool = False
    since: datetime | None = None
    believe_short: bool = False
    rules: PullRules = field(default_factory=PullRules)
    max_accounts: int = 4
    seldom_on_record: bool = False


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
    requests_today: int = 0
    """How many requests were made about the property on this day (UTC), as far as they are stored."""
    missing: int = 0
    """Stored, but not in the answer of a full read."""
    vanished: int = 0
    """Confirmed to be gone."""
    rejected_reason: str | None = None
    """Why this full read was not believed to be whole."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Prospects that could not be read, by id where they have one, each with why. They are asked for
    again."""

    @property
    def is_news(self) -> bool:
        """Whether it changed anything of what is known of the property's leads."""
        return bool(self.stored or self.linked or self.vanished)


def pull_property(
    engine: Engine,
    client: ResManClient,
    integration: Integration,
    options: PullOptions | None = None,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Pulled:
    """Pulls one property.

    Raises:
        Exception: nothing of this pull was stored; the failure is on record in the watermark table, save
            where the database itself is gone. Mostly a ResManError; anything else is a fault of ours or of
            the database.
        NotWanted: it was given up, which is no failure.
    """
    with engine.connect() as connection:
        outset = _Outset.read(connection, integration, options or PullOptions(), clock())
        pull: _Pull | None = None
        try:
            pull = _Pull.begin(outset, client)
            pulled = pull.run()
        except Exception as error:
            if not (isinstance(error, NotWanted) or trouble.is_lost_database(error)):
                outset.record_failure(error, requests=pull.reader.requests if pull is not None else 0)
            raise
    logger.log(
        logging.DEBUG if outset.options.seldom_on_record and not pulled.is_news else logging.INFO,
        "pulled %s: %d fetched, %d stored, %d linked",
        pulled.partition_key,
        pulled.fetched,
        pulled.stored,
        pulled.linked,
    )
    for key, reason in pulled.unreadable.items():
        logger.warning("%s: prospect %s %s", pulled.partition_key, key, reason)
    if pulled.rejected_reason is not None:
        logger.warning(
            "the full read of %s is not believed: %s", pulled.partition_key, pulled.rejected_reason
        )
    return pulled


@dataclass(frozen=True, slots=True)
class _Outset:
    """Where a pull starts from: what is known before anything is asked. Its failure can be put on record.

    Attributes:
        connection: between transactions.
        now: by our clock.
        start: where the last pull ended.
        window: what is asked for.
    """

    connection: Connection
    integration: Integration
    options: PullOptions
    now: datetime
    history: PullHistory
    start: PullStart
    window: PullWindow

    @classmethod
    def read(
        cls, connection: Connection, integration: Integration, options: PullOptions, now: datetime
    ) -> _Outset:
        """Reads where the last pull ended. Commits."""
        history = PullHistory(connection, integration.property_id)
        start = history.begin(options.rules.late_memory)
        connection.commit()
        window = pull_window(
            start.watermark,
            start.late_seconds,
            options.rules,
            now,
            full=options.full,
            since=options.since,
        )
        return cls(connection, integration, options, now, history, start, window)

    def record(self, requests: int) -> PullRecord:
        """The pull for the record, before anything is known of what came."""
        return PullRecord(
            full_read=self.options.full,
            modified_since=self.window.since,
            overlap_seconds=self.window.overlap.total_seconds(),
            requests=requests,
        )

    def record_failure(self, error: Exception, requests: int) -> None:
        """Undoes what the pull has begun to write, and puts on record that it failed. Commits."""
        self.connection.rollback()
        said = trouble.sentence(error)
        self.history.record_failure(self.start, said)
        self.history.record(self.start, replace(self.record(requests), error=said))
        self.connection.commit()

    def new_finder(self, shared: SharedContacts) -> LinkFinder:
        """A finder of what is stored just now. Commits."""
        state = load_link_state(self.connection, self.integration.property_id, shared=shared)
        self.connection.commit()
        return LinkFinder(state)


@dataclass(frozen=True, slots=True)
class _Pull:
    """One pull under way.

    Attributes:
        shared: the property's own contacts.
        finder: links the conversations that waited when the pull began.
        reader: reads into the stage, the candidates and the unreadable.
    """

    outset: _Outset
    client: ResManClient
    shared: SharedContacts
    finder: LinkFinder
    stage: Stage
    candidates: CandidateBuffer
    unreadable: UnreadableProspects
    reader: WindowedReader

    @classmethod
    def begin(cls, outset: _Outset, client: ResManClient) -> _Pull:
        """Makes ready to stage what comes.

        Raises:
            ResManError: the account cannot be asked for the property's own contacts just now.
        """
        start, integration = outset.start, outset.integration
        stage = Stage(
            outset.connection,
            integration.property_id,
            knows_any=start.knows_any,
            keeps_ids=(outset.options.full and start.knows_any) or start.misses_any,
        )
        stage.open()
        shared = property_contacts(client, integration)
        finder = outset.new_finder(shared)
        candidates, unreadable = CandidateBuffer(finder), UnreadableProspects(start.in_trouble)
        sink = Intake(stage, candidates, unreadable).sink()
        reader = WindowedReader(
            client, integration, outset.window.since, outset.now, sink, before=start.reach
        )
        return cls(outset, client, shared, finder, stage, candidates, unreadable, reader)

    def run(self) -> Pulled:
        """Reads, stores and links."""
        reach = self.reader.read()
        self._ask_again_for_unreadable()
        pulled, record_id = self._store(reach)
        if self.outset.options.full and pulled.missing and pulled.rejected_reason is None:
            pulled = self._close_vanished(pulled, record_id)
        return pulled

    def _ask_again_for_unreadable(self) -> None:
        """Asks for those of earlier pulls that did not come this time, by their ids. One that does not come
        even so is there no more; one that cannot be asked for stays, and what the pull has read is kept."""
        rules = self.outset.options.rules
        for prospect_id in self.unreadable.to_ask_again()[: rules.confirm_most]:
            try:
                self.reader.read_one(prospect_id, self.outset.now - rules.full_span)
            except NotWanted:
                raise
            except Exception as error:
                if trouble.is_lost_database(error):
                    raise
                trouble.log_fault(f"prospect {prospect_id} could not be asked for again", error)
                self.unreadable.not_answered(prospect_id, error)
                if isinstance(error, ResManError) and error.scope is not Scope.CHANGE:
                    return  # it is not the prospect's fault: the next pull goes on from here
            else:
                self.unreadable.asked_again(prospect_id)

    # Storing

    def _store(self, reach: Reach | None) -> tuple[Pulled, int | None]:
        """All that the pull brought and the watermark, in one transaction. Returns the record's id as well,
        if it went on record."""
        stage, connection, property_id = self.stage, self.outset.connection, self._property_id
        history, start = self.outset.history, self.outset.start
        stage.note_came(self.unreadable.ids())
        missing = self._note_missing()
        if stage.keeps_ids:
            note_return(connection, property_id)
        measured = stage.measure(start.watermark, start.covered_since)
        stored = stage.store(start.started_at)
        self.candidates.show(self.finder)
        linked = self.finder.store(connection)
        carry_agreed(connection, property_id)
        self.unreadable.store(connection, property_id, whole=self.outset.window.claims)
        record = replace(
            self.outset.record(self.reader.requests),
            fetched=stage.fetched,
            stored=stored,
            linked=linked,
            unchanged=stage.unchanged,
            silent=measured.silent,
            late_seconds=measured.late_seconds,
            missing=missing.missing,
            rejected_reason=missing.rejected_reason,
        )
        watermark = self._finish(record, reach)
        if start.is_first:
            lanes.wake_pulled(connection, property_id)
        record_id = history.record(start, record, seldom=self.outset.options.seldom_on_record)
        today = history.requests_today(self.outset.integration)
        stage.clear()
        connection.commit()
        return self._pulled(record, watermark, today), record_id

    def _note_missing(self) -> MissingLeads:
        """Who is missing, where everything was asked for."""
        options, start = self.outset.options, self.outset.start
        if not (options.full and start.knows_any):
            return MissingLeads()
        came = self.stage.fetched + len(self.unreadable)
        return note_missing(
            self.outset.connection,
            self._property_id,
            FullRead(self.outset.window.since, start.started_at, came),
            options.rules,
            believe_short=options.believe_short,
        )

    def _finish(self, record: PullRecord, reach: Reach | None) -> datetime | None:
        """Moves the watermark on, if the pull may claim what came. Returns it."""
        start, window, newest = self.outset.start, self.outset.window, self.stage.newest
        # What has no id cannot be asked for again: then the next pull asks from the same place.
        claims = window.claims and record.rejected_reason is None and not self.unreadable.has_nameless
        return self.outset.history.finish(
            start,
            record,
            watermark=min(newest, start.started_at) if claims and newest is not None else None,
            covered_since=window.since if claims else None,
            reach=reach,
        )

    def _close_vanished(self, pulled: Pulled, record_id: int | None) -> Pulled:
        """After a believed full read: closes the links of who is gone, and links their conversations anew
        with what the same read showed."""
        outset = self.outset
        connection, rules = outset.connection, outset.options.rules
        gone = close_vanished(connection, self.client, outset.integration, outset.start.started_at, rules)
        if not gone:
            return pulled
        finder = outset.new_finder(self.shared)
        self.candidates.show(finder)
        linked = finder.store(connection)
        carry_agreed(connection, self._property_id)
        if record_id is not None:
            outset.history.record_vanished(record_id, gone, linked)
        connection.commit()
        logger.info("%s: %d prospects are gone from ResMan", pulled.partition_key, gone)
        return replace(pulled, vanished=gone, linked=pulled.linked + linked)

    def _pulled(self, record: PullRecord, watermark: datetime | None, requests_today: int) -> Pulled:
        return Pulled(
            self.outset.integration.partition_key,
            record.fetched,
            record.stored,
            record.linked,
            record.modified_since,
            watermark,
            unchanged=record.unchanged,
            silent=record.silent,
            overlap=self.outset.window.overlap,
            late=timedelta(seconds=record.late_seconds),
            requests=record.requests,
            requests_today=requests_today,
            missing=record.missing,
            rejected_reason=record.rejected_reason,
            unreadable=self.unreadable.reasons(),
        )

    @property
    def _property_id(self) -> UUID:
        return self.outset.integration.property_id
