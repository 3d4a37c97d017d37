"""What must hold while the machine runs and when it has come to rest.

Nothing is `lost`; each pending change has its delivery (`conservation`); nothing arrives twice and nobody
has two leads (`duplicate`); a conversation's changes arrive in `order`; a late worker changes nothing
(`fencing`); an `outage` costs no attempts; and in the end there is `agreement`. Each break raises `Broken`,
which names what does not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domiq_dagster.sync.delivery.planning import TOLD_BY_CREATION
from domiq_dagster.sync.queue.queue import Claim
from domiq_dagster.sync.status_map import LeadStatus, load_status_map
from domiq_dagster.sync.tour_times import LOCAL, sent_as
from tests.machine.harness import Harness, SyncedProperty
from tests.machine.resman_model import MARKER, ZONE, ResManModel, marks, order_broken

NO_LEAD_STATUS = "completed"
"""One of DomIQ's words that says nothing of a lead."""
_CHANGES = """
SELECT g.id AS change_id, g.conversation_id, g.new_status, g.sync_status, g.sync_direction, g.updated_by,
       g.context_data #>> '{sync,outcome}' AS outcome, c.seq, c.same_as,
       d.change_id IS NOT NULL AS queued, d.state, d.attempts, d.last_outcome
FROM public.status_sync_log g
JOIN domiq_sync.conversation_property cp ON cp.conversation_id = g.conversation_id
LEFT JOIN domiq_sync.change c ON c.change_id = g.id
LEFT JOIN domiq_sync.delivery d ON d.change_id = g.id
WHERE cp.property_id = :p ORDER BY c.seq
"""
_STORED = {
    "delivery": "SELECT * FROM domiq_sync.delivery WHERE property_id = :p ORDER BY seq",
    "log": "SELECT g.* FROM public.status_sync_log g JOIN domiq_sync.conversation_property cp "
    "ON cp.conversation_id = g.conversation_id WHERE cp.property_id = :p ORDER BY g.id",
    "conversation": "SELECT c.* FROM public.conversation c JOIN domiq_sync.conversation_property cp "
    "ON cp.conversation_id = c.id WHERE cp.property_id = :p ORDER BY c.id",
    "agreed pairs": "SELECT conversation_id, agreed_domiq_status, agreed_resman_status "
    "FROM domiq_sync.lead_link WHERE property_id = :p AND agreed_at IS NOT NULL ORDER BY conversation_id",
}
_KNOWN = "SELECT prospect_id, effective_status FROM domiq_sync.resman_lead WHERE property_id = :p"
_MAY_FAIL = {"refused", "unknown_source", "no_contact"}
"""Outcomes of failed changes. No outage is among them."""


class Broken(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the log with its delivery, if it has one."""

    change_id: UUID
    conversation_id: UUID
    new_status: str
    sync_status: str
    outbound: bool
    captured: bool
    outcome: str | None
    seq: int
    queued: bool
    state: str | None
    attempts: int | None
    last_outcome: str | None
    same_as: UUID | None
    """Another change of the same move."""

    @property
    def pending(self) -> bool:
        return self.outbound and self.sync_status == "pending"

    @property
    def sent(self) -> bool:
        return self.sync_status == "success" and self.outcome in ("sent", "confirmed_by_read")


class Checks:
    """Looks at one example's property, and at its model of ResMan."""

    def __init__(
        self, harness: Harness, synced: SyncedProperty, model: ResManModel, first: Sequence[str]
    ) -> None:
        self._harness, self._property, self._model = harness, synced, model
        self.by_hand: set[UUID] = set()
        """Changes that an operator settled in SQL: what became of them is the operator's matter."""
        self.spoken_for: set[UUID] = set()
        """Conversations for whose lead another one spoke, which was deleted: what it told is news to them."""
        self.announced: set[UUID] = set()
        """Conversations into whose log the application wrote what may be a later move's."""
        self._expected: Counter[UUID] = Counter(
            c for c, word in zip(synced.conversations, first, strict=True) if word != NO_LEAD_STATUS
        )
        with harness.engine.connect() as c:
            self._statuses = load_status_map(c, synced.id)

    # What the machine tells

    def expect(self, conversation: UUID) -> None:
        """A change was committed."""
        self._expected[conversation] += 1

    def forget(self, conversation: UUID) -> None:
        del self._expected[conversation]

    # Looking

    def changes(self) -> list[Change]:
        return [
            Change(
                r.change_id, r.conversation_id, r.new_status, r.sync_status, r.sync_direction == "to_resman",
                r.updated_by == "chatbot", r.outcome, r.seq, r.queued, r.state, r.attempts, r.last_outcome,
                r.same_as,
            )
            for r in self._harness.rows(_CHANGES, p=self._property.id)
        ]  # fmt: skip

    def holds(self, claim: Claim | None) -> bool:
        """Whether a worker still holds what it claimed."""
        assert claim is not None
        return bool(
            self._harness.rows(
                "SELECT FROM domiq_sync.delivery WHERE change_id = :c AND lease_token = :t "
                "AND state = 'in_flight'",
                c=claim.change_id, t=claim.lease_token,
            )
        )  # fmt: skip

    def all_that_is_stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = {
            name: self._harness.rows(sql, p=self._property.id) for name, sql in _STORED.items()
        }
        return {**stored, "ResMan": self._model.snapshot()}

    def known(self) -> set[tuple[str, str]]:
        """What the machinery believes of each lead."""
        return {(r.prospect_id, r.effective_status) for r in self._harness.rows(_KNOWN, p=self._property.id)}

    # Checks

    def nothing_changed(self, before: dict[str, Any], believed: set[tuple[str, str]]) -> None:
        """5. Fencing. What a late worker has just read at ResMan it may note, if it is true."""
        if wrong := self.known() - believed - self._true():
            raise Broken("fencing", f"a late worker noted what is not true (any more): {wrong}")
        after = self.all_that_is_stored()
        for name in after:
            if after[name] != before[name]:
                raise Broken("fencing", f"a late worker changed {name}: {before[name]} -> {after[name]}")

    def _true(self) -> set[tuple[str, str]]:
        """What ResMan shows of each lead."""
        return {(lead.prospect_id, lead.status) for lead in self._model.leads.values()}

    def always(self) -> None:
        """What holds at any moment."""
        changes = self.changes()
        flying = Counter(c.conversation_id for c in changes if c.state == "in_flight")
        if any(n > 1 for n in flying.values()):
            raise Broken("order", f"two changes of one conversation are in flight: {flying}")
        self._captured(changes)
        by_id: dict[UUID | None, Change] = {c.change_id: c for c in changes}
        for change in changes:
            if change.pending and not change.queued:
                raise Broken("conservation", f"pending without a delivery: {change}")
            if change.queued and not change.pending and change.change_id not in self.by_hand:
                raise Broken("conservation", f"delivery of a settled change: {change}")
            if change.queued and change.attempts and not self._may_count(change):
                raise Broken("outage", f"an attempt was counted: {change}")
            # One that tells of the same move as another one shares its fate.
            told_by = by_id.get(change.same_as, change) if change.outcome == "same_move" else change
            if self._failed_for_no_reason(told_by):
                raise Broken("outage", f"failed though nothing was wrong with it: {change}")
        self._no_echo(changes)
        if repeated := self._model.repeated():
            raise Broken("duplicate", f"posted twice: {repeated}")
        if doubled := self._model.doubled_people():
            raise Broken("duplicate", f"one person has several leads: {doubled}")
        self._order(changes)

    def _may_count(self, change: Change) -> bool:
        """Whether an attempt may be counted for a change that is still open."""
        return False

    def _captured(self, changes: list[Change]) -> None:
        """1. Every committed change of a status is on record."""
        logged = Counter(c.conversation_id for c in changes if c.captured)
        for conversation in self.announced:
            # What the application logged before may be the change of a move: then there is no other.
            logged[conversation] = self._expected[conversation] = 0
        if +logged != +self._expected:
            raise Broken("lost", f"changes committed: {self._expected}; logged: {logged}")

    def _no_echo(self, changes: list[Change]) -> None:
        """ResMan's staff do nothing here, and what they did lies before every conversation: whatever ResMan
        shows is what it was told, and no news for DomIQ."""
        others = {c.conversation_id for c in changes if c.change_id in self.by_hand} | self.spoken_for
        for change in changes:
            if not change.outbound and change.conversation_id not in others:
                raise Broken("agreement", f"DomIQ's status was overwritten by its own echo: {change}")

    def _failed_for_no_reason(self, change: Change) -> bool:
        return (
            change.sync_status == "failed"
            and change.change_id not in self.by_hand
            and change.outcome not in _MAY_FAIL
            and not (change.new_status == NO_LEAD_STATUS and change.outcome == "unmapped_status")
        )

    def _order(self, changes: list[Change]) -> None:
        place = {marks(c.change_id): (c.conversation_id, c.seq) for c in changes}
        in_one_post = {marks(c.change_id) for c in changes if self._lead_status(c) in TOLD_BY_CREATION}
        # The first post of two says nothing of the change's own status yet.
        telling = [t for t in self._model.taken if not t.step or t.change in in_one_post]
        for before, after in order_broken(telling, place):
            raise Broken("order", f"{after} reached ResMan after {before}")

    def _lead_status(self, change: Change) -> LeadStatus | None:
        return self._statuses.lead_status(change.new_status)

    def settled(self) -> None:
        """At rest: what each change says of itself is what ResMan has of it."""
        arrived = {(post.change, post.step) for post in self._model.taken}
        known = {change for change, _ in arrived}
        for change in self.changes():
            if change.change_id in self.by_hand or not change.outbound:
                continue
            key = marks(change.change_id)
            told = {step for change_known, step in arrived if change_known == key}
            if change.same_as and told and marks(change.same_as) in known:
                raise Broken("duplicate", f"the same move was told by another change already: {change}")
            if change.sent and not told:
                raise Broken("lost", f"said to be sent, and ResMan has nothing of it: {change}")
            if change.sync_status == "failed" and "" in told:
                raise Broken("lost", f"said to have failed, and ResMan has it: {change}")

    def both_agree(self) -> None:
        """At rest: of each lead, the newest conversation's status is covered by ResMan's."""
        links = self._harness.rows(
            "SELECT DISTINCT ON (l.prospect_id) l.prospect_id, c.id, c.status, r.effective_status "
            "FROM domiq_sync.lead_link l JOIN public.conversation c ON c.id = l.conversation_id "
            "LEFT JOIN domiq_sync.resman_lead r USING (property_id, prospect_id) "
            "WHERE l.property_id = :p ORDER BY l.prospect_id, c.created_at DESC, c.id DESC",
            p=self._property.id,
        )
        changes = self.changes()
        operators = self._leads_of({c.conversation_id for c in changes if c.change_id in self.by_hand})
        for link in links:
            if link.prospect_id in operators:
                continue
            theirs = self._model.leads[link.prospect_id].status
            if link.effective_status != theirs:
                raise Broken(
                    "agreement", f"ResMan shows {theirs}, we believe {link.effective_status}: {link}"
                )
            last = [c for c in changes if c.conversation_id == link.id][-1:]
            if self._explained(link.status, theirs, last):
                continue
            raise Broken("agreement", f"DomIQ says {link.status}, ResMan {theirs}; last change: {last}")

    def tours_stand(self) -> None:
        """At rest: what ResMan was told last of a conversation's tour is where the tour is. Not where an
        operator settled something, or the database was put back: then nobody knows what was told."""
        if self._model.was_restored:
            return
        tours = self._harness.rows(
            "SELECT c.id, c.tour_datetime AS tour, l.prospect_id "
            "FROM public.conversation c JOIN domiq_sync.lead_link l ON l.conversation_id = c.id "
            "WHERE l.property_id = :p AND l.is_current AND c.status = 'tour_scheduled'",
            p=self._property.id,
        )
        for row in tours:
            own = [c for c in self.changes() if c.conversation_id == row.id]
            lead = self._model.leads.get(row.prospect_id)
            by_hand = any(c.change_id in self.by_hand or c.sync_status == "failed" for c in own)
            if lead is None or by_hand or not own or own[-1].new_status != "tour_scheduled":
                continue
            place = {marks(c.change_id): c.seq for c in own}
            told = [
                (place[change], event)
                for event in lead.events
                for change, step in MARKER.findall(event.comments or "")
                if change in place and not step
            ]
            if not (told and own[-1].outcome in ("sent", "confirmed_by_read", "already_told")):
                continue
            last = max(told, key=lambda t: t[0])[1]
            expected = None if row.tour is None else sent_as(row.tour, LOCAL, ZONE)
            stands = last.event_date if last.event_type == "Appointment" else None
            if stands != expected:
                raise Broken("agreement", f"the tour is at {expected}, and ResMan was told {last}: {row}")

    def _explained(self, ours: str, theirs: str, last: list[Change]) -> bool:
        # A row that the application logged itself, last, is what ResMan is to be told, whatever the status.
        said = next((c.new_status for c in last if not c.captured), ours)
        meaning = self._statuses.lead_status(said)
        if meaning is None or self._statuses.covers(theirs, meaning):
            return True
        if meaning in ("application", "leased") and theirs == "Prospect":
            return True  # told; ResMan's staff take the step themselves
        return any(c.sync_status == "failed" for c in last)

    def _leads_of(self, conversations: set[UUID]) -> set[str]:
        rows = self._harness.rows(
            "SELECT prospect_id FROM domiq_sync.lead_link WHERE conversation_id = ANY (:c)",
            c=list(conversations),
        )
        return {r.prospect_id for r in rows}
