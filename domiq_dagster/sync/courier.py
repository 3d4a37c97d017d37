"""Getting one claimed change to ResMan: find the lead, read what is there, send what is missing, settle.

Every way out of `deliver` either settles the change, gives it back with a time to try again, or finds
that the lease was lost and leaves everything as it is.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import Disposition, Refused, ResManError, Scope
from domiq_dagster.resman.models import LeadPost, LeadRecord, PostedLead
from domiq_dagster.sync import queue
from domiq_dagster.sync.accounts import last_word
from domiq_dagster.sync.decide import Action, Pair, Situation, decide
from domiq_dagster.sync.inbound import apply_property
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.lead_search import Found, LeadSearch, SeveralLeads
from domiq_dagster.sync.linking import contact
from domiq_dagster.sync.links import link_conversation
from domiq_dagster.sync.plan import (
    MARKER_START,
    TOLD_BY_CREATION,
    NothingToSend,
    OutboundChange,
    Settings,
    Step,
    marker,
    plan,
    summary_of,
)
from domiq_dagster.sync.queue import Claim, LostLease
from domiq_dagster.sync.statuses import (
    CUSTOMER_TYPES,
    RESMAN_LOST,
    RESMAN_PROSPECT,
    DomiqMeaning,
    LeadStatus,
    StatusMap,
)
from domiq_dagster.sync.trace import Trace

logger = logging.getLogger(__name__)
_QUERIES = load_queries(__package__, "queue.sql")
_LOCK_PERSON = text("SELECT pg_try_advisory_lock(hashtextextended('domiq_sync.person:' || :p || :u, 0))")
_UNLOCK_PERSON = text("SELECT pg_advisory_unlock(hashtextextended('domiq_sync.person:' || :p || :u, 0))")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """Times in seconds.

    lease: longer than the slowest request; after it, another worker probes and goes on. fresh: how old
    our knowledge of a lead may be before it is read again ahead of a post. first_pause and
    longest_pause: the bounds of the backoff. unknown_pause: the least time before an unknown outcome is
    probed, since ResMan may still be working on a request that we stopped waiting for.
    configuration_pause: how long a change waits for a missing setting or contact before it looks again.
    contact_patience: how long before a change of a lead without e-mail and phone fails.
    """

    lease: float = 150.0
    fresh: float = 300.0
    first_pause: float = 5.0
    longest_pause: float = 600.0
    unknown_pause: float = 20.0
    configuration_pause: float = 900.0
    contact_patience: float = 14 * 86400.0
    max_attempts: int = 5


class _GiveBack(Exception):
    """Postpone the delivery: nothing is wrong with the change itself."""

    def __init__(
        self,
        outcome: str,
        seconds: float,
        *,
        state: str = "waiting",
        counted: bool = False,
        decide_again: bool = False,
    ) -> None:
        super().__init__(outcome)
        self.outcome, self.seconds, self.state, self.counted = outcome, seconds, state, counted
        self.decide_again = decide_again


class _Settle(Exception):
    """Settle the change at once, without a post."""

    def __init__(
        self,
        sync_status: str,
        outcome: str,
        reason: str,
        *,
        agreed: tuple[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(outcome)
        self.sync_status = sync_status
        self.agreed = agreed
        self.explanation = {"outcome": outcome, "reason": reason, **more}


@dataclass(frozen=True, slots=True)
class Delivered:
    """How one delivery ended: `success`, `failed`, `postponed`, `lost_lease` or `vanished`; `outcome` says
    more. `error` is what ResMan answered where that is why."""

    result: str
    outcome: str
    error: ResManError | None = None


class Courier:
    """Delivers claims, one at a time. `jitter` gives 0 to 1 (full jitter)."""

    def __init__(
        self,
        engine: Engine,
        client: ResManClient,
        rules: DeliveryRules | None = None,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._client = client
        self._rules = rules or DeliveryRules()
        self._jitter = jitter

    def deliver(self, held: Claim, integration: Integration, statuses: StatusMap) -> Delivered:
        """Sends one claimed change, or finds why not to. Database errors pass through: the lease ends by
        itself and the change is probed before it is sent again."""
        trace = Trace()
        with self._engine.connect() as connection:
            try:
                return self._try(connection, held, integration, statuses, trace)
            except LostLease:
                logger.warning("lost the lease of change %s; leaving it to its holder", held.change_id)
                return Delivered("lost_lease", "lost_lease")

    def _try(
        self,
        connection: Connection,
        held: Claim,
        integration: Integration,
        statuses: StatusMap,
        trace: Trace,
    ) -> Delivered:
        try:
            return _Delivery(self, connection, held, integration, statuses, trace).run()
        except _Settle as end:
            return self._settle(connection, held, end, trace)
        except _GiveBack as pause:
            delivered = self._give_back(connection, held, pause, trace)
            if pause.decide_again:
                # That DomIQ is not the newer one was decided just now, from what ResMan shows.
                apply_property(self._engine, integration, conversation_id=held.lane, domiq_is_newer=False)
            return delivered
        except ResManError as error:
            return self._after_error(connection, held, error, trace)

    def _after_error(
        self, connection: Connection, held: Claim, error: ResManError, trace: Trace
    ) -> Delivered:
        if error.disposition is Disposition.PERMANENT and error.scope is Scope.CHANGE:
            words = trace.words(error) or str(error)
            return self._settle(connection, held, _Settle("failed", error.kind, words), trace, error)
        unknown = error.disposition is Disposition.UNKNOWN or held.may_have_left
        ceiling = min(self._rules.longest_pause, self._rules.first_pause * 2 ** min(held.postponements, 16))
        seconds = max(error.retry_after or 0.0, self._jitter() * ceiling)
        if error.disposition is Disposition.UNKNOWN:
            seconds = max(seconds, self._rules.unknown_pause)
        pause = _GiveBack(error.kind, seconds, state="unknown" if unknown else "ready")
        return self._give_back(connection, held, pause, trace, error)

    def _give_back(
        self,
        connection: Connection,
        held: Claim,
        pause: _GiveBack,
        trace: Trace,
        error: ResManError | None = None,
    ) -> Delivered:
        connection.rollback()
        queue.postpone(
            connection,
            held,
            # What may have left stays unknown until a read has told.
            state="unknown" if held.may_have_left and not pause.decide_again else pause.state,
            outcome=pause.outcome,
            seconds=pause.seconds,
            counted=pause.counted,
            attempts=trace.attempts,
        )
        return Delivered("postponed", pause.outcome, error)

    def _settle(
        self,
        connection: Connection,
        held: Claim,
        end: _Settle,
        trace: Trace,
        error: ResManError | None = None,
    ) -> Delivered:
        connection.rollback()
        queue.settle(
            connection,
            held,
            sync_status=end.sync_status,
            explanation=end.explanation,
            prospect_id=end.explanation.get("prospect_id"),
            attempts=trace.attempts,
        )
        if end.agreed is not None:
            _agree(connection, held.lane, end.agreed)
        connection.commit()
        return Delivered(end.sync_status, end.explanation["outcome"], error)


class _Delivery:
    """The state of one delivery under way."""

    def __init__(
        self,
        courier: Courier,
        connection: Connection,
        held: Claim,
        integration: Integration,
        statuses: StatusMap,
        trace: Trace,
    ) -> None:
        self._rules = courier._rules
        self._engine = courier._engine
        self._client = courier._client
        self._connection = connection
        self._held = held
        self._integration = integration
        self._statuses = statuses
        self._trace = trace
        self._user_id: Any = None
        self._person_locked = False

    def run(self) -> Delivered:
        try:
            return self._run()
        finally:
            if self._person_locked:
                self._connection.rollback()
                self._connection.execute(_UNLOCK_PERSON, self._person())
                self._connection.commit()

    def _run(self) -> Delivered:
        row = self._load()
        meaning = self._meaning(row)
        settings = self._settings()
        found = self._find_lead(row)
        if found is not None and found.just_linked:
            row = self._load()
        if row.prospect_id is not None and not row.is_current:
            raise _Settle("success", "superseded", "a newer conversation of the same lead speaks for it")
        record = found.record if found else None
        if found is not None and record is None and self._must_read(row):
            record = self._read(found.prospect_id)
        target = meaning.lead_status
        if record is not None and _has_arrived(row, target, record):
            return self._confirm_arrived(row, target, record)
        status = self._known_status(row, record)
        if found is not None and status is None:
            raise _Settle(
                "failed",
                "unknown_resman_status",
                f"ResMan's word for the lead, '{record.customer_type if record else '?'}', is not known here",
                prospect_id=found.prospect_id,
            )
        if record is not None and status == RESMAN_PROSPECT and _half_arrived(row, record):
            self._note_moved(row, status)
        else:
            self._let_resman_win(row, status, record)
        change = _change_of(row)
        steps = plan(change, meaning, settings, status)
        if isinstance(steps, NothingToSend):
            agreed = (row.new_status, status) if status is not None else None
            raise _Settle("success", steps.outcome, steps.reason, agreed=agreed, prospect_id=row.prospect_id)
        return self._send(row, found, steps, record)

    # What is to be sent, and may it?

    def _load(self) -> Row[Any]:
        row = self._connection.execute(
            text(_QUERIES["load_change"]), {"change_id": self._held.change_id}
        ).first()
        self._connection.commit()
        if row is None:
            raise LostLease(f"change {self._held.change_id} was deleted")
        self._trace.private = (row.first_name, row.last_name, row.email, row.phone)
        if not row.has_conversation:
            raise _Settle("failed", "no_conversation", "the change names no conversation, so no lead either")
        return row

    def _meaning(self, row: Row[Any]) -> DomiqMeaning:
        meaning = self._statuses.meaning(row.new_status)
        if meaning is None:
            raise _Settle(
                "failed",
                "unmapped_status",
                f"'{row.new_status}' is no lead status here: add it to domiq_sync.domiq_status_map, "
                "then run domiq-sync retry",
            )
        return meaning

    def _settings(self) -> Settings:
        missing = self._integration.missing_settings
        if missing:
            raise _GiveBack(f"not_configured: {', '.join(missing)}", self._rules.configuration_pause)
        i = self._integration
        return Settings(str(i.agent_id), str(i.source_id), str(i.lost_reason_id), str(i.time_zone))

    # Which lead, and what does it show?

    def _find_lead(self, row: Row[Any]) -> Found | None:
        if row.prospect_id is not None:
            return Found(row.prospect_id, row.person_id, None, "stored_id", just_linked=False)
        self._lock_person(row)
        person = contact(row.first_name, row.last_name, row.email, row.phone)
        mark = marker(self._held.change_id)[:-1]  # what the markers of all its steps begin with
        search = LeadSearch(self._client, self._integration, self._trace, mark)
        try:
            found = search.find(
                row.resman_lead_id, person, row.email, row.phone, row.first_name, row.last_name
            )
        except SeveralLeads as several:
            raise _Settle("failed", "ambiguous_lead", str(several)) from None
        if found is not None:
            self._link(row, found.prospect_id, found.person_id, found.linked_by, found.record)
            return found
        if not person.reachable:
            waited = (self._trace.now() - self._held.enqueued_at).total_seconds()
            if waited > self._rules.contact_patience:
                raise _Settle("failed", "no_contact", "ResMan takes no lead without e-mail and phone")
            raise _GiveBack("no_contact", self._rules.configuration_pause)
        return None

    def _lock_person(self, row: Row[Any]) -> None:
        """One search-and-create at a time for one user, whose conversations are lanes of their own: two
        workers that both find nothing would both create."""
        if row.user_id is None:
            return
        self._user_id = row.user_id
        self._person_locked = bool(self._connection.scalar(_LOCK_PERSON, self._person()))
        self._connection.commit()
        if not self._person_locked:
            state = "unknown" if self._held.may_have_left else "ready"
            raise _GiveBack("same_person_under_way", 1.0, state=state)

    def _person(self) -> dict[str, Any]:
        return {"p": str(self._integration.property_id), "u": str(self._user_id)}

    def _must_read(self, row: Row[Any]) -> bool:
        stale = row.known_for is None or row.known_for > self._rules.fresh
        return self._held.may_have_left or stale or row.resman_status is None or row.person_id is None

    def _read(self, prospect_id: str) -> LeadRecord:
        i = self._integration
        record = self._call(
            "read", lambda: self._client.search_by_id(i.account_id, i.resman_property_id, prospect_id)
        )
        if record is None:
            self._lead_is_gone(prospect_id)
        assert record is not None
        status = CUSTOMER_TYPES.get(record.customer_type)
        if status is not None:
            self._touch(self._connection, prospect_id, _person_id(record), status)
            self._connection.commit()
        return record

    def _lead_is_gone(self, prospect_id: str) -> None:
        """Believed at the second look: then the link is dropped, and the next try searches afresh."""
        if self._held.attempts == 0:
            raise _GiveBack("lead_not_found", self._rules.first_pause, state="ready", counted=True)
        if self._held.attempts >= self._rules.max_attempts:
            raise _Settle("failed", "lead_not_found", f"ResMan has no lead {prospect_id} at this property")
        self._connection.execute(
            text("DELETE FROM domiq_sync.lead_link WHERE conversation_id = :c AND prospect_id = :p"),
            {"c": self._held.lane, "p": prospect_id},
        )
        self._connection.commit()
        raise _GiveBack("lead_gone_unlinked", 0.0, state="ready", counted=True)

    def _known_status(self, row: Row[Any], record: LeadRecord | None) -> str | None:
        read = CUSTOMER_TYPES.get(record.customer_type) if record is not None else None
        if read is not None and read != row.resman_status:
            return read
        known: str | None = row.effective_status
        return known

    def _let_resman_win(self, row: Row[Any], status: str | None, record: LeadRecord | None) -> None:
        """Where ResMan moved since the pair was agreed, the policy decides before anything is sent."""
        if status is None:
            return
        i = self._integration
        agreed = (
            Pair(row.agreed_domiq_status, row.agreed_resman_status)
            if row.agreed_resman_status is not None
            else None
        )
        situation = Situation(
            agreed=agreed,
            now=Pair(row.domiq_status, status),
            open_outbound=True,
            policy=i.policy,
            inbound=i.inbound,
            outbound=i.outbound,
            domiq_is_newer=_is_newer(row, record),
        )
        action = decide(situation, self._statuses).action
        if action is Action.REVIEW:
            raise _GiveBack("conflict", self._rules.configuration_pause, decide_again=True)
        if action is Action.APPLY:
            raise _GiveBack("resman_moved", 1.0, state="ready", decide_again=True)

    # Sending

    def _send(
        self, row: Row[Any], found: Found | None, steps: list[Step], record: LeadRecord | None
    ) -> Delivered:
        comments = [e.comments or "" for e in record.events] if record else []
        arrived = [s for s in steps if any(s.marker in c for c in comments)]
        prospect_id = found.prospect_id if found else None
        person_id = found.person_id if found and found.person_id else (_person_id(record) if record else None)
        event_ids: list[str] = []
        for step in steps:
            if step in arrived:
                self._trace.note("probe", "found", {"step": step.name, "marker": step.marker})
                continue
            try:
                posted = self._post(row, step, prospect_id, person_id, record)
            except Refused as refused:
                if step.creates or record is not None:
                    raise
                assert prospect_id is not None
                # Refused, perhaps, because the lead is gone (merged, say): then this raises.
                record = self._read(prospect_id)
                if not _misses_name(refused):
                    raise
                posted = self._post(row, step, prospect_id, person_id, record)
            event_ids += posted.event_ids
            prospect_id = posted.prospect_id or prospect_id
            person_id = posted.person_id or person_id
            if step.creates:
                if prospect_id is None:
                    # Created, but the answer names no id: the search of the next try finds it.
                    raise _GiveBack(
                        "created_without_id", self._rules.first_pause, state="unknown", counted=True
                    )
                self._link(row, prospect_id, person_id, "created", None)
            if step is not steps[-1]:
                self._note_moved(row, step.resman_status)
        last = steps[-1]
        explanation = {
            "outcome": "sent",
            "reason": f"{', '.join(s.event.event_type for s in steps)} at ResMan",
            "event_ids": event_ids,
            "marker": last.marker,
        }
        return self._confirm(
            row, explanation, prospect_id, person_id, after=last.resman_status, shown=last.resman_status
        )

    def _note_moved(self, row: Row[Any], status: str) -> None:
        """Our own first post of two moved the lead: that is no news from ResMan, whatever becomes of the
        second."""
        self._connection.execute(
            text(_QUERIES["note_moved"]), {"status": status, "conversation_id": row.conversation_id}
        )
        self._connection.commit()

    def _post(
        self,
        row: Row[Any],
        step: Step,
        prospect_id: str | None,
        person_id: str | None,
        record: LeadRecord | None,
    ) -> PostedLead:
        """Of a lead that exists only ResMan's own name is restated, where it was read: DomIQ's may be
        'Anonymous User', and would overwrite it."""
        main = record.people[0] if record and record.people else None
        post = LeadPost(
            customer_type=step.customer_type,
            event=step.event,
            first_name=row.first_name if step.creates else (main.first_name if main else None),
            last_name=row.last_name if step.creates else (main.last_name if main else None),
            prospect_id=None if step.creates else prospect_id,
            person_id=None if step.creates else person_id,
            email=row.email if step.creates else None,
            phone=row.phone if step.creates else None,
            move_in_date=row.move_in_date if step.creates else None,
        )
        i = self._integration
        detail = {
            "event_type": step.event.event_type,
            "event_date": step.event.event_date.isoformat(),
            "customer_type": step.customer_type,
            "marker": step.marker,
            "prospect_id": post.prospect_id,
            "agent_id": step.event.agent_id,
            "transaction_source": step.event.transaction_source,
        }
        still_mine = last_word.set(
            lambda: queue.extend_lease(self._connection, self._held, self._rules.lease)
        )
        try:
            return self._call(
                step.name, lambda: self._client.post_lead(i.account_id, i.resman_property_id, post), detail
            )
        finally:
            last_word.reset(still_mine)

    def _confirm_arrived(self, row: Row[Any], target: LeadStatus, record: LeadRecord) -> Delivered:
        """An earlier try got all there was to say to ResMan. What ResMan did since is left to the next
        decision about the lead."""
        self._trace.note("probe", "found", {"marker": marker(row.change_id)})
        after = RESMAN_LOST if target is LeadStatus.LOST else RESMAN_PROSPECT
        explanation = {
            "outcome": "confirmed_by_read",
            "reason": "ResMan shows the event, though its answer did not come",
            "marker": marker(row.change_id),
        }
        shown = CUSTOMER_TYPES.get(record.customer_type, after)
        return self._confirm(row, explanation, row.prospect_id, _person_id(record), after=after, shown=shown)

    def _confirm(
        self,
        row: Row[Any],
        explanation: dict[str, Any],
        prospect_id: str | None,
        person_id: str | None,
        *,
        after: str,
        shown: str,
    ) -> Delivered:
        """Settles as success. `after` is ResMan's status as our event leaves it, `shown` as it is."""
        queue.settle(
            self._connection,
            self._held,
            sync_status="success",
            explanation={**explanation, "prospect_id": prospect_id, "resman_status": after},
            prospect_id=prospect_id,
            attempts=self._trace.attempts,
        )
        assert prospect_id is not None
        self._touch(self._connection, prospect_id, person_id, shown)
        _agree(self._connection, row.conversation_id, (row.new_status, after), person_id)
        self._connection.commit()
        return Delivered("success", explanation["outcome"])

    # Helpers

    def _call(self, action: str, request: Callable[[], T], detail: dict[str, Any] | None = None) -> T:
        return self._trace.call(action, request, detail)

    def _link(
        self,
        row: Row[Any],
        prospect_id: str,
        person_id: str | None,
        linked_by: str,
        record: LeadRecord | None,
    ) -> None:
        link_conversation(
            self._connection,
            property_id=self._integration.property_id,
            conversation_id=row.conversation_id,
            prospect_id=prospect_id,
            person_id=person_id,
            linked_by=linked_by,
        )
        status = CUSTOMER_TYPES.get(record.customer_type) if record else "Prospect"
        if status is not None:
            self._touch(self._connection, prospect_id, person_id, status)
        self._connection.commit()

    def _touch(self, connection: Connection, prospect_id: str, person_id: str | None, status: str) -> None:
        connection.execute(
            text(_QUERIES["touch_lead"]),
            {
                "property_id": self._integration.property_id,
                "prospect_id": prospect_id,
                "person_id": person_id,
                "status": status,
                "effective_status": status,
            },
        )


def _agree(
    connection: Connection, conversation_id: UUID, pair: tuple[str, str], person_id: str | None = None
) -> None:
    """Remembers the pair of statuses (DomIQ's, ResMan's) that a settled change leaves behind."""
    connection.execute(
        text(_QUERIES["agree"]),
        {"d": pair[0], "r": pair[1], "person_id": person_id, "conversation_id": conversation_id},
    )


def _change_of(row: Row[Any]) -> OutboundChange:
    return OutboundChange(
        change_id=row.change_id,
        old_status=row.old_status,
        new_status=row.new_status,
        reason=row.status_reason,
        summary=summary_of(row.context_data, row.ai_intent_summary),
        happened_at=row.created_at,
        tour_datetime=row.tour_datetime,
    )


def _misses_name(refused: Refused) -> bool:
    """Whether ResMan refused an update for want of a name, which no source says it needs."""
    return "name" in (refused.description or "").lower()


def _has_arrived(row: Row[Any], target: LeadStatus, record: LeadRecord) -> bool:
    """Whether the lead shows all that this change has to say."""
    return _shows(record, marker(row.change_id)) or (
        target in TOLD_BY_CREATION and _half_arrived(row, record)
    )


def _half_arrived(row: Row[Any], record: LeadRecord) -> bool:
    """Whether the lead shows the first of this change's two posts."""
    return _shows(record, marker(row.change_id, "c")) or _shows(record, marker(row.change_id, "r"))


def _shows(record: LeadRecord, mark: str) -> bool:
    return any(mark in (event.comments or "") for event in record.events)


def _is_newer(row: Row[Any], record: LeadRecord | None) -> bool:
    """Whether the conversation began after the last thing that ResMan itself tells of the lead. An
    appointment's date is not when it was made, and what we posted is no news."""
    if record is not None and record.events:
        theirs = [
            e.event_date
            for e in record.events
            if MARKER_START not in (e.comments or "") and e.event_type.lower() != "appointment"
        ]
        return not theirs or bool(row.began_at > max(theirs))
    return row.last_modified is not None and bool(row.began_at > row.last_modified)


def _person_id(record: LeadRecord) -> str | None:
    return record.people[0].person_id if record.people else None
