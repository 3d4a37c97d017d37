"""One claimed change on its way: find the lead, read what is there, send what is missing, settle.

Ends by returning (arrived), or by raising: Settle, GiveBack, LostLease, or ResMan's error. `courier` turns
each of them into what the queue stores.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Row, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import Refused
from domiq_dagster.resman.models import LeadPost, LeadRecord, PostedLead
from domiq_dagster.sync.account_gate import before_request
from domiq_dagster.sync.decisions.decide import Action, Pair, Situation, decide
from domiq_dagster.sync.delivery import lead_state as lead_store
from domiq_dagster.sync.delivery.attempts import Trace
from domiq_dagster.sync.delivery.lead_search import Found, LeadSearch, SeveralLeads
from domiq_dagster.sync.delivery.outcomes import Delivered, DeliveryRules, GiveBack, Settle
from domiq_dagster.sync.delivery.planning import NothingToSend, Settings, Step, marker, plan
from domiq_dagster.sync.delivery.readback import (
    change_of,
    half_arrived,
    has_arrived,
    is_newer,
    main_person_id,
    misses_name,
)
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.matching import contact
from domiq_dagster.sync.linking.store import Question, ask, decided_about, link_conversation, staff_contacts
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.queue import Claim, LostLease, Settlement
from domiq_dagster.sync.status_map import (
    CUSTOMER_TYPES,
    RESMAN_LOST,
    RESMAN_PROSPECT,
    DomiqMeaning,
    LeadStatus,
    StatusMap,
)

QUERIES = load_queries("domiq_dagster.sync.queue", "queue.sql")
_MOVES_NOTHING = frozenset({LeadStatus.NEW, LeadStatus.CONTACTED, LeadStatus.QUALIFIED})
"""Statuses of which a prospect is told by a Contact or a note."""
_NEWER_SPEAKS = "a newer conversation of the same lead speaks for it"
_CLOSED_AS_GONE = (
    "SELECT set_config('domiq_sync.link_reason', 'ResMan has no such lead any more, merged perhaps', true)"
)
T = TypeVar("T")


class Delivery:
    """The state of one delivery under way."""

    def __init__(
        self,
        connection: Connection,
        client: ResManClient,
        rules: DeliveryRules,
        held: Claim,
        integration: Integration,
        statuses: StatusMap,
        trace: Trace,
        stopping: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._client = client
        self._rules = rules
        self._held = held
        self._integration = integration
        self._statuses = statuses
        self._trace = trace
        self._stopping = stopping
        self._posting = False
        self._locked_user: UUID | None = None
        self._touched_at: datetime | None = None

    def run(self) -> Delivered:
        before = before_request.set(self._before_request)
        try:
            return self._run()
        finally:
            before_request.reset(before)
            if self._locked_user is not None:
                self._connection.rollback()
                lead_store.unlock_person(self._connection, self._integration.property_id, self._locked_user)
                self._connection.commit()

    def _run(self) -> Delivered:
        row = self._load()
        if row.has_siblings:
            # What is decided about one conversation of a person may be moved by another: one at a time.
            self._lock_person(row)
            row = self._load()
        meaning = self._meaning(row)
        settings = self._settings()
        found = self._find_lead(row)
        if found is not None and found.just_linked:
            row = self._load()
        superseded = row.prospect_id is not None and not row.is_current
        if superseded and not self._held.may_have_left:
            raise Settle("success", "superseded", _NEWER_SPEAKS)
        record = found.record if found else None
        if found is not None and self._may_undo(row, meaning, settings, record):
            with ExitStack() as turn:
                record = self._read(found.prospect_id, turn)
                return self._decide_and_send(row, found, record, meaning, settings, superseded)
        if found is not None and record is None and self._must_read(row):
            record = self._read(found.prospect_id)
        return self._decide_and_send(row, found, record, meaning, settings, superseded)

    def _decide_and_send(
        self,
        row: Row[Any],
        found: Found | None,
        record: LeadRecord | None,
        meaning: DomiqMeaning,
        settings: Settings,
        superseded: bool,
    ) -> Delivered:
        target = meaning.lead_status
        if record is not None and has_arrived(row, target, record):
            return self._confirm_arrived(row, target, record)
        if superseded:
            raise Settle("success", "superseded", _NEWER_SPEAKS)
        status = self._known_status(row, record)
        if found is not None and status is None:
            raise Settle(
                "failed",
                "unknown_resman_status",
                f"ResMan's word for the lead, '{record.customer_type if record else '?'}', is not known here",
                prospect_id=found.prospect_id,
            )
        if record is not None and status == RESMAN_PROSPECT and half_arrived(row, record):
            self._note_moved(row, status)
        else:
            self._let_resman_win(row, status, record)
        change = change_of(row)
        steps = plan(change, meaning, settings, status)
        if isinstance(steps, NothingToSend):
            agreed = (row.new_status, status) if status is not None else None
            raise Settle("success", steps.outcome, steps.reason, agreed=agreed, prospect_id=row.prospect_id)
        return self._send(row, found, steps, record)

    # What is to be sent, and may it?

    def _load(self) -> Row[Any]:
        row = self._connection.execute(QUERIES.load_change, {"change_id": self._held.change_id}).first()
        self._connection.commit()
        if row is None:
            raise LostLease(f"change {self._held.change_id} was deleted")
        self._touched_at = row.touched_at
        self._trace.private = (row.first_name, row.last_name, row.email, row.phone)
        if not row.has_conversation:
            raise Settle("failed", "no_conversation", "the change names no conversation, so no lead either")
        return row

    def _meaning(self, row: Row[Any]) -> DomiqMeaning:
        meaning = self._statuses.meaning(row.new_status)
        if meaning is None:
            raise Settle(
                "failed",
                "unmapped_status",
                f"'{row.new_status}' is no lead status here: add it to domiq_sync.domiq_status_map, "
                "then run domiq-sync retry",
            )
        return meaning

    def _settings(self) -> Settings:
        missing = self._integration.missing_settings
        if missing:
            raise GiveBack(f"not_configured: {', '.join(missing)}", self._rules.configuration_pause)
        i = self._integration
        return Settings(str(i.agent_id), str(i.source_id), str(i.lost_reason_id), str(i.time_zone))

    # Which lead, and what does it show?

    def _find_lead(self, row: Row[Any]) -> Found | None:
        if row.prospect_id is not None:
            return Found(row.prospect_id, row.person_id, None, "stored_id", just_linked=False)
        self._lock_person(row)
        place = self._integration.property_id
        shared = staff_contacts(self._connection, place)
        decided = decided_about(self._connection, place, row.conversation_id, row.user_id)
        self._connection.commit()
        person = contact(row.first_name, row.last_name, row.email, row.phone, shared=shared)
        mark = marker(self._held.change_id)[:-1]  # what the markers of all its steps begin with
        search = LeadSearch(self._client, self._integration, self._trace, mark, decided, shared)
        try:
            found = search.find(
                row.resman_lead_id, person, row.email, row.phone, row.first_name, row.last_name
            )
        except SeveralLeads as several:
            reason = "several prospects look like one user"
            leads = several.prospect_ids
            question = Question("several_prospects", leads, (row.conversation_id,), reason, len(leads))
            ask(self._connection, place, question)
            self._connection.commit()
            raise Settle("failed", "ambiguous_lead", str(several)) from None
        if found is not None:
            self._link(row, found.prospect_id, found.person_id, found.linked_by, found.record)
            return found
        if not person.reachable:
            waited = (self._trace.now() - self._held.enqueued_at).total_seconds()
            if waited > self._rules.contact_patience:
                raise Settle(
                    "failed", "no_contact", "ResMan takes no lead without an e-mail or phone of its own"
                )
            raise GiveBack("no_contact", self._rules.configuration_pause)
        if row.has_siblings and self._sibling_in_doubt(row):
            raise GiveBack("same_person_under_way", self._rules.unknown_pause, state="ready")
        return None

    def _sibling_in_doubt(self, row: Row[Any]) -> bool:
        """Whether ResMan may still be creating this person for another conversation."""
        i = self._integration
        values = {"user_id": row.user_id, "property_id": i.property_id, "lane": self._held.lane}
        return bool(self._connection.scalar(QUERIES.sibling_in_doubt, values))

    def _lock_person(self, row: Row[Any]) -> None:
        """One delivery at a time for one user, whose conversations are lanes of their own: two workers that
        both find nothing would both create."""
        if row.user_id is None or self._locked_user is not None:
            return
        if not lead_store.lock_person(self._connection, self._integration.property_id, row.user_id):
            state = "unknown" if self._held.may_have_left else "ready"
            raise GiveBack("same_person_under_way", 1.0, state=state)
        self._locked_user = row.user_id

    def _must_read(self, row: Row[Any]) -> bool:
        stale = row.known_for is None or row.known_for > self._rules.fresh
        # Nothing was agreed: then its events tell whose news it shows, where our own posts may have dated it.
        undated = row.agreed_resman_status is None and (
            row.last_modified is None or row.touched_at is not None
        )
        unread = undated or stale or row.resman_status is None or row.person_id is None
        return unread or self._held.may_have_left

    def _may_undo(
        self, row: Row[Any], meaning: DomiqMeaning, settings: Settings, record: LeadRecord | None
    ) -> bool:
        """Whether what there is to post could undo a move that staff made since we last looked, however short
        a time ago: then the lead is read in the same turn, and what it shows is decided about first. A
        Contact or a note says nothing of a prospect's status."""
        status = self._known_status(row, record)
        if status is None:
            return False  # it is read for want of a status
        steps = plan(change_of(row), meaning, settings, status)
        if isinstance(steps, NothingToSend):
            return False
        return status != RESMAN_PROSPECT or meaning.lead_status not in _MOVES_NOTHING

    def _read(self, prospect_id: str, turn: ExitStack | None = None) -> LeadRecord:
        """What ResMan shows of the lead. `turn` keeps the account's turn after it, for the post that
        follows."""
        i = self._integration

        def ask() -> LeadRecord | None:
            if turn is not None:
                turn.enter_context(self._client.together(i.account_id))
            return self._client.search_by_id(i.account_id, i.resman_property_id, prospect_id)

        record = self._call("read", ask)
        if record is None:
            self._lead_is_gone(prospect_id)
        assert record is not None
        status = CUSTOMER_TYPES.get(record.customer_type)
        if status is not None:
            queue.still_held(self._connection, self._held)
            lead_store.note_read(
                self._connection,
                self._integration.property_id,
                prospect_id,
                main_person_id(record),
                status,
                known_since=self._touched_at,
            )
            self._connection.commit()
        return record

    def _lead_is_gone(self, prospect_id: str) -> None:
        """Believed at the second look: then the link is dropped, and the next try searches afresh."""
        if self._held.attempts == 0:
            raise GiveBack("lead_not_found", self._rules.first_pause, state="ready", counted=True)
        if self._held.attempts >= self._rules.max_attempts:
            raise Settle("failed", "lead_not_found", f"ResMan has no lead {prospect_id} at this property")
        self._connection.execute(text(_CLOSED_AS_GONE))
        self._connection.execute(
            text("DELETE FROM domiq_sync.lead_link WHERE conversation_id = :c AND prospect_id = :p"),
            {"c": self._held.lane, "p": prospect_id},
        )
        self._connection.commit()
        raise GiveBack("lead_gone_unlinked", 0.0, state="ready", counted=True)

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
            domiq_is_newer=is_newer(row, record),
        )
        action = decide(situation, self._statuses).action
        if action is Action.REVIEW:
            raise GiveBack("conflict", self._rules.configuration_pause, decide_again=True)
        if action is Action.APPLY:
            raise GiveBack("resman_moved", 1.0, state="ready", decide_again=True)

    # Sending

    def _send(
        self, row: Row[Any], found: Found | None, steps: list[Step], record: LeadRecord | None
    ) -> Delivered:
        comments = [e.comments or "" for e in record.events] if record else []
        arrived = [s for s in steps if any(s.marker in c for c in comments)]
        prospect_id = found.prospect_id if found else None
        person_id = found.person_id if found else None
        if person_id is None and record is not None:
            person_id = main_person_id(record)
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
                if not misses_name(refused):
                    raise
                posted = self._post(row, step, prospect_id, person_id, record)
            event_ids += posted.event_ids
            prospect_id = posted.prospect_id or prospect_id
            person_id = posted.person_id or person_id
            if step.creates:
                if prospect_id is None:
                    # Created, but the answer names no id: the search of the next try finds it.
                    raise GiveBack(
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
        self._posting = True
        try:
            return self._call(
                step.name, lambda: self._client.post_lead(i.account_id, i.resman_property_id, post), detail
            )
        finally:
            self._posting = False

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
        return self._confirm(
            row, explanation, row.prospect_id, main_person_id(record), after=after, shown=shown
        )

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
        explanation = {**explanation, "prospect_id": prospect_id, "resman_status": after}
        settlement = Settlement(self._held, "success", explanation, prospect_id, self._trace.attempts)
        queue.settle_one(self._connection, settlement)
        assert prospect_id is not None
        lead_store.touch(self._connection, self._integration.property_id, prospect_id, person_id, shown)
        lead_store.agree(self._connection, row.conversation_id, (row.new_status, after), person_id)
        self._connection.commit()
        return Delivered("success", explanation["outcome"])

    # Helpers

    def _note_moved(self, row: Row[Any], status: str) -> None:
        """Committed at once: should the second post be given back, the next try must not repeat the first."""
        queue.still_held(self._connection, self._held)
        lead_store.note_moved(self._connection, row.conversation_id, status)
        self._connection.commit()

    def _call(self, action: str, request: Callable[[], T], detail: dict[str, Any] | None = None) -> T:
        return self._trace.call(action, request, detail)

    def _before_request(self, connection: Connection) -> None:
        """While a request's turn is awaited, and when it has come: a stop is heard, and before a post the
        lease, which may have run out meanwhile, is asked for and extended."""
        if self._stopping():
            raise GiveBack("stopped", 0.0, state="ready")
        if self._posting:
            queue.extend_lease(connection, self._held, self._rules.lease)

    def _link(
        self,
        row: Row[Any],
        prospect_id: str,
        person_id: str | None,
        linked_by: str,
        record: LeadRecord | None,
    ) -> None:
        """Locks the lead before its link, as every writer of both does."""
        queue.still_held(self._connection, self._held)
        place = self._integration.property_id
        if record is None:
            lead_store.touch(self._connection, place, prospect_id, person_id, RESMAN_PROSPECT)
        elif (status := CUSTOMER_TYPES.get(record.customer_type)) is not None:
            lead_store.note_read(self._connection, place, prospect_id, person_id, status, known_since=None)
        link_conversation(
            self._connection,
            property_id=self._integration.property_id,
            conversation_id=row.conversation_id,
            prospect_id=prospect_id,
            person_id=person_id,
            linked_by=linked_by,
        )
        self._connection.commit()
