"""Resolving a change: what it means, which lead it is about, and what is known of that.

The lead of a conversation is the one it is linked with; else ResMan is asked for one that fits, and only if
none does, one is created.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.sync.delivery import lead_state
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.lead_search import Found, LeadSearch, SeveralLeads
from domiq_dagster.sync.delivery.outcomes import LostLease, Outcome, Postpone, Settle, ShownLead
from domiq_dagster.sync.delivery.pending_change import PendingChange, load_change, sibling_in_doubt
from domiq_dagster.sync.delivery.person_lock import PersonLock
from domiq_dagster.sync.delivery.planning import NothingToSend, Post, PostSettings, marker, plan
from domiq_dagster.sync.delivery.readback import main_person_id
from domiq_dagster.sync.linking.matching import Contact, SharedContacts, contact
from domiq_dagster.sync.linking.reviews import LinkReview, decided_about, open_review
from domiq_dagster.sync.linking.staff_contacts import staff_contacts
from domiq_dagster.sync.linking.store import link_conversation, unlink
from domiq_dagster.sync.status_map import CUSTOMER_TYPES, RESMAN_PROSPECT, DomiqMeaning, LeadStatus

_MOVES_NOTHING = frozenset({LeadStatus.NEW, LeadStatus.CONTACTED, LeadStatus.QUALIFIED})
"""Statuses of which a prospect is told by a Contact or a note."""
_GONE = "ResMan has no such lead any more, merged perhaps"
NEWER_SPEAKS = "a newer conversation of the same lead speaks for it"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A change with all that decides what becomes of it.

    Attributes:
        new_status: the change's, in DomIQ's words.
        found: its lead; None where one is to be created.
        record: what that shows, where it was read.
    """

    change: PendingChange
    new_status: str
    meaning: DomiqMeaning
    settings: PostSettings
    found: Found | None
    record: LeadRecord | None

    @property
    def target(self) -> LeadStatus:
        """The lead status that the change brings."""
        return self.meaning.lead_status

    @property
    def status(self) -> str | None:
        """ResMan's status of the lead, as read or else as stored; None where it has none, or none that is
        known here."""
        read = CUSTOMER_TYPES.get(self.record.customer_type) if self.record is not None else None
        if read is not None and read != self.change.resman_status:
            return read
        return self.change.effective_status

    def posts(self) -> list[Post] | NothingToSend:
        """What would bring the lead from its status to the change's."""
        return plan(self.change.as_outbound(self.new_status), self.meaning, self.settings, self.status)

    def may_undo(self) -> bool:
        """Whether what there is to post could undo a move that staff made since we last looked, however short
        a time ago: then the lead is read in the same slot, and what it shows is decided about first. A
        Contact or a note says nothing of a prospect's status."""
        if self.found is None or self.status is None:
            return False  # it is created, or read for want of a status
        if isinstance(self.posts(), NothingToSend):
            return False
        return self.status != RESMAN_PROSPECT or self.target not in _MOVES_NOTHING

    def must_be_read(self, fresh: float, *, outcome_unknown: bool) -> bool:
        """Whether the lead is to be read before anything else. `fresh`: for how many seconds what we know of
        it holds."""
        if self.found is None or self.record is not None:
            return False
        change = self.change
        is_stale = change.known_for is None or change.known_for > fresh
        # Nothing was agreed: then its events tell whose news it shows, where our own posts may have dated it.
        is_undated = change.agreed_resman_status is None and (
            change.last_modified is None or change.locally_modified_at is not None
        )
        is_unread = change.resman_status is None or change.person_id is None
        return outcome_unknown or is_stale or is_undated or is_unread


class Resolver:
    """Resolves one change."""

    def __init__(self, context: DeliveryContext) -> None:
        self._context = context
        self._person = PersonLock(context.connection, context.property_id)
        self._locally_modified_at: datetime | None = None

    def release(self) -> None:
        """Gives the lock on the person back."""
        self._person.release()

    def resolve(self) -> Resolved | Outcome:
        """The change with its lead, so far as that can be told without reading it."""
        change = self._load()
        if not isinstance(change, PendingChange):
            return change
        if change.has_siblings:
            # What is decided about one conversation of a person may be moved by another: one at a time.
            if not self._person.take(change.user_id):
                return self._person_is_taken()
            change = self._load()
            if not isinstance(change, PendingChange):
                return change
        context = self._context
        new_status = change.new_status
        if new_status is None:
            return Settle(
                "failed", "no_status", "the change names no new status, so there is nothing to tell"
            )
        meaning = context.statuses.meaning(new_status)
        if meaning is None:
            return Settle(
                "failed",
                "unmapped_status",
                f"'{new_status}' is no lead status here: add it to domiq_sync.domiq_status_map, "
                "then run domiq-sync retry",
            )
        missing = context.integration.missing_settings
        if missing:
            return Postpone(f"not_configured: {', '.join(missing)}", context.rules.configuration_pause)
        found = self._find_lead(change)
        if found is not None and not isinstance(found, Found):
            return found
        if found is not None and found.just_linked:
            change = self._load()
            if not isinstance(change, PendingChange):
                return change
        record = found.record if found is not None else None
        return Resolved(change, new_status, meaning, self._settings(), found, record)

    def _load(self) -> PendingChange | Outcome:
        context = self._context
        change = load_change(context.connection, context.claim)
        if change is None:
            return LostLease()
        self._locally_modified_at = change.locally_modified_at
        context.attempts.private = change.private
        if not change.has_conversation:
            return Settle("failed", "no_conversation", "the change names no conversation, so no lead either")
        return change

    def _settings(self) -> PostSettings:
        i = self._context.integration
        return PostSettings(str(i.agent_id), str(i.source_id), str(i.lost_reason_id), str(i.time_zone))

    def _person_is_taken(self) -> Outcome:
        state = "unknown" if self._context.claim.outcome_unknown else "ready"
        return Postpone("same_person_under_way", 1.0, state=state)

    # Which lead?

    def _find_lead(self, change: PendingChange) -> Found | Outcome | None:
        if change.prospect_id is not None:
            return Found(change.prospect_id, change.person_id, None, "stored_id", just_linked=False)
        if not self._person.take(change.user_id):
            return self._person_is_taken()
        context = self._context
        shared = staff_contacts(context.connection, context.property_id)
        person = contact(change.first_name, change.last_name, change.email, change.phone, shared=shared)
        try:
            found = self._search(change, person, shared)
        except SeveralLeads as several:
            return self._several(several)
        if found is not None:
            linked = self.link(found.prospect_id, found.person_id, found.linked_by, found.record)
            return found if linked else LostLease()
        if not person.reachable:
            return self._no_contact()
        if change.has_siblings and change.user_id is not None and self._sibling_in_doubt(change.user_id):
            return Postpone("same_person_under_way", context.rules.unknown_pause, state="ready")
        return None

    def _search(self, change: PendingChange, person: Contact, shared: SharedContacts) -> Found | None:
        context = self._context
        decided = decided_about(
            context.connection, context.property_id, context.conversation_id, change.user_id
        )
        context.connection.commit()
        mark = marker(change.change_id)[:-1]  # what the markers of all its posts begin with
        search = LeadSearch(context.client, context.integration, context.attempts, mark, decided, shared)
        return search.find(change, person)

    def _several(self, several: SeveralLeads) -> Outcome:
        context, leads = self._context, several.prospect_ids
        review = LinkReview(
            "several_prospects",
            leads,
            (context.conversation_id,),
            "several prospects look like one user",
            len(leads),
        )
        if not context.keep_claim():
            return LostLease()
        open_review(context.connection, context.property_id, review)
        context.connection.commit()
        return Settle("failed", "ambiguous_lead", str(several))

    def _no_contact(self) -> Outcome:
        context = self._context
        waited = (context.attempts.now() - context.claim.enqueued_at).total_seconds()
        if waited > context.rules.contact_patience:
            return Settle(
                "failed", "no_contact", "ResMan takes no lead without an e-mail or phone of its own"
            )
        return Postpone("no_contact", context.rules.configuration_pause)

    def _sibling_in_doubt(self, user_id: UUID) -> bool:
        context = self._context
        return sibling_in_doubt(context.connection, context.property_id, user_id, context.conversation_id)

    def link(
        self, prospect_id: str, person_id: str | None, linked_by: str, record: LeadRecord | None
    ) -> bool:
        """Links the conversation with a lead. Commits. `record`: what it shows; None: our post has just
        created it.

        Returns:
            Whether the claim still held; if not, nothing was written.
        """
        context = self._context
        if not context.keep_claim():
            return False
        # The lead before its link, as every writer of both does.
        if record is None:
            shown = ShownLead(prospect_id, person_id, RESMAN_PROSPECT)
            lead_state.upsert_lead(context.connection, context.property_id, shown)
        elif (status := CUSTOMER_TYPES.get(record.customer_type)) is not None:
            shown = ShownLead(prospect_id, person_id, status)
            lead_state.note_read(context.connection, context.property_id, shown, known_since=None)
        link_conversation(
            context.connection,
            property_id=context.property_id,
            conversation_id=context.conversation_id,
            prospect_id=prospect_id,
            person_id=person_id,
            linked_by=linked_by,
        )
        context.connection.commit()
        return True

    # What does it show?

    def read(self, resolved: Resolved, slot: ExitStack | None = None) -> Resolved | Outcome:
        """Reads the lead. `slot` keeps the account's slot after it, for the post that follows. Commits.

        Raises:
            ResManError: it could not be read.
        """
        found = resolved.found
        assert found is not None
        context, prospect_id = self._context, found.prospect_id
        i = context.integration

        def ask() -> LeadRecord | None:
            if slot is not None:
                slot.enter_context(context.client.together(i.account_id))
            return context.client.search_by_id(i.account_id, i.resman_property_id, prospect_id)

        record = context.attempts.call("read", ask)
        if record is None:
            return self._lead_is_gone(prospect_id)
        status = CUSTOMER_TYPES.get(record.customer_type)
        if status is not None:
            if not context.keep_claim():
                return LostLease()
            shown = ShownLead(prospect_id, main_person_id(record), status)
            lead_state.note_read(
                context.connection, context.property_id, shown, known_since=self._locally_modified_at
            )
            context.connection.commit()
        person_id = found.person_id or main_person_id(record)
        return replace(resolved, found=replace(found, person_id=person_id), record=record)

    def _lead_is_gone(self, prospect_id: str) -> Outcome:
        """Believed at the second look: then the link is closed, and the next try searches afresh."""
        context, rules = self._context, self._context.rules
        if context.claim.attempts == 0:
            return Postpone("lead_not_found", rules.first_pause, state="ready", counted=True)
        if context.claim.attempts >= rules.max_attempts:
            return Settle("failed", "lead_not_found", f"ResMan has no lead {prospect_id} at this property")
        if not context.keep_claim():
            return LostLease()
        unlink(
            context.connection,
            property_id=context.property_id,
            conversation_id=context.conversation_id,
            prospect_id=prospect_id,
            reason=_GONE,
            own_change=context.claim.change_id,
        )
        context.connection.commit()
        return Postpone("lead_gone_unlinked", 0.0, state="ready", counted=True)
