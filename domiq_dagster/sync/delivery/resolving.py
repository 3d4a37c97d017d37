"""Resolving a change: what it means, which lead it is about, and what is known of that.

The lead of a conversation is the one it is linked with; else ResMan is asked for one that fits, and only if
none does, one is created.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from domiq_dagster.resman.config import Endpoint
from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.resman.text import one_line
from domiq_dagster.resman.v1 import POST_LEAD
from domiq_dagster.sync import patience
from domiq_dagster.sync.delivery import lead_state, traced
from domiq_dagster.sync.delivery.beforehand import ended_beforehand
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.lead_posts import posts_around
from domiq_dagster.sync.delivery.lead_search import Found, LeadSearch, SeveralLeads
from domiq_dagster.sync.delivery.outcomes import LostLease, Outcome, Postpone, Settle, ShownLead
from domiq_dagster.sync.delivery.pending_change import (
    PendingChange,
    being_created,
    created_lately,
    load_change,
)
from domiq_dagster.sync.delivery.person_lock import PersonLock
from domiq_dagster.sync.delivery.planning import NothingToSend, Post, PostSettings, marker, plan
from domiq_dagster.sync.delivery.readback import carries, is_appointment, is_shown, main_person_id
from domiq_dagster.sync.grants import seconds_kept_in
from domiq_dagster.sync.linking.lookup_keys import person_keys
from domiq_dagster.sync.linking.matching import Contact, Index, Match, SharedContacts, contact
from domiq_dagster.sync.linking.reviews import LinkReview, decided_about, open_review
from domiq_dagster.sync.linking.staff_contacts import staff_contacts
from domiq_dagster.sync.linking.store import link_conversation, unlink
from domiq_dagster.sync.queue import lanes
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
        arrived: the name of its first post of two, where that has arrived though its marker is not shown.
        edits: whether an appointment that stands at ResMan may be edited: not where that was tried in vain.
    """

    change: PendingChange
    new_status: str
    meaning: DomiqMeaning
    settings: PostSettings
    found: Found | None
    record: LeadRecord | None
    arrived: str | None = None
    edits: bool = True

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
        change = self.change.as_outbound(
            self.new_status, event_id=self._appointment(), of_prospect=self.status == RESMAN_PROSPECT
        )
        return plan(change, self.meaning, self.settings, self.status)

    def _appointment(self) -> str | None:
        """ResMan's id of the appointment that stands there, if a post may edit that: the one that its answer
        gave, unless it shows under this id something else; else the one under which it shows our last."""
        told = self.change.told
        if told is None or not (told.edits and self.edits):
            return None
        events = self.record.events if self.record is not None else ()
        if told.event_id is not None:
            shown = next((e for e in events if (e.event_id or "").lower() == told.event_id.lower()), None)
            return told.event_id if shown is None or is_appointment(shown) else None
        mark = told.marker
        if mark is None:
            return None
        ids = [e.event_id for e in events if e.event_id and is_appointment(e) and carries(e, mark)]
        return ids[-1] if ids else None

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

    def keeps_person(self) -> bool:
        """Whether the person is still ours, if one was locked."""
        return self._person.is_kept()

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
        traced.tell_statuses(context.statuses, change.old_status, change.new_status)
        seconds = self._seconds_until_granted(change)
        if seconds > 0:
            return Postpone(lanes.NOT_ENTITLED, seconds, state="ready")
        if not change.has_conversation:
            return Settle("failed", "no_conversation", "the change names no conversation, so no lead either")
        return ended_beforehand(change, context.rules.configuration_pause) or change

    def _seconds_until_granted(self, change: PendingChange) -> float:
        """For how long nothing may be posted at the property, for want of a grant: then nothing is read or
        searched for it either. What may have arrived is looked for all the same."""
        context, i = self._context, self._context.integration
        if context.claim.outcome_unknown or not change.lacks_grant:
            return 0.0
        return seconds_kept_in(context.connection, i.account_id, Endpoint(POST_LEAD, i.resman_property_id))

    def _settings(self) -> PostSettings:
        i = self._context.integration
        return PostSettings(
            str(i.agent_id), str(i.source_id), str(i.lost_reason_id), str(i.time_zone), i.tour_times
        )

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
        context.connection.commit()
        # One person may have two user rows, and both be told of at once.
        if not self._person.take_contact(person_keys(person)):
            return self._person_is_taken()
        try:
            found = self._search(change, person, shared)
        except SeveralLeads as several:
            return self._several(several)
        if found is not None:
            linked = self.link(found.prospect_id, found.person_id, found.linked_by, found.record)
            return found if linked else LostLease()
        if not person.reachable:
            return self._waits_for_user("no_contact", "an e-mail or phone of its own")
        if not (one_line(change.first_name or "") and one_line(change.last_name or "")):
            return self._waits_for_user("no_name", "a first and a last name")
        return self._elsewhere(person, shared)

    def _elsewhere(self, person: Contact, shared: SharedContacts) -> Found | Outcome | None:
        """The lead of a person whom no search finds, where we made it ourselves for another conversation a
        moment ago; whoever may just be being made is waited for."""
        context, one = self._context, Index([person])
        where = (context.connection, context.property_id, context.conversation_id, shared)
        made = [lead for lead in created_lately(*where) if isinstance(one.find(lead.person), Match)]
        # Whoever is in doubt about its own creation waits for nobody: two would wait for each other.
        in_the_making = not context.claim.in_doubt and any(
            isinstance(one.find(other), Match) for other in being_created(*where)
        )
        context.connection.commit()
        leads = {lead.prospect_id: lead for lead in made}
        if len(leads) == 1:
            lead = next(iter(leads.values()))
            rule = found.linked_by if isinstance(found := one.find(lead.person), Match) else "name"
            if not self.link(lead.prospect_id, lead.person_id, rule, None):
                return LostLease()
            return Found(lead.prospect_id, lead.person_id, None, rule)
        if leads or in_the_making:
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

    def _waits_for_user(self, outcome: str, lacking: str) -> Outcome:
        """What DomIQ's user lacks for ResMan to take the lead may come yet."""
        context = self._context
        waited = (context.attempts.now() - context.claim.enqueued_at).total_seconds()
        if waited > context.rules.contact_patience:
            return Settle("failed", outcome, f"ResMan takes no lead without {lacking}")
        return Postpone(outcome, context.rules.configuration_pause)

    def link(
        self, prospect_id: str, person_id: str | None, linked_by: str, record: LeadRecord | None
    ) -> bool:
        """Links the conversation with a lead. Commits. `record`: what it shows; None: our own post created
        it, for this conversation just now, or for another one, which has noted it.

        Returns:
            Whether the claim still held; if not, nothing was written.
        """
        context = self._context
        if not context.keep_claim():
            return False
        # The lead before its link, as every writer of both does.
        if record is None and linked_by == "created":
            shown = ShownLead(prospect_id, person_id, RESMAN_PROSPECT)
            lead_state.upsert_lead(context.connection, context.property_id, shown)
        elif record is not None and (status := CUSTOMER_TYPES.get(record.customer_type)) is not None:
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
            return self._lead_is_gone(resolved.change, prospect_id)
        status = CUSTOMER_TYPES.get(record.customer_type)
        if self._lags(resolved.change, status, record, prospect_id):
            return Postpone("read_lags", patience.READ_AGAIN, state="ready")
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

    def _lags(self, change: PendingChange, status: str | None, record: LeadRecord, prospect_id: str) -> bool:
        """Whether the answer is from before our own last post of a short time ago: it shows another status
        than that left behind, and not the post. Taken for news it would undo what we did."""
        context = self._context
        if status is None or status == change.resman_status or not _is_recent(change):
            return False
        around = posts_around(
            context.connection, context.property_id, prospect_id, lane=context.conversation_id
        )
        return bool(around.known) and not is_shown(around.known[0], record.events)

    def _lead_is_gone(self, change: PendingChange, prospect_id: str) -> Outcome:
        """Believed at the second look: then the link is closed, and the next try searches afresh."""
        context, rules = self._context, self._context.rules
        if _is_recent(change):
            return Postpone("read_lags", patience.READ_AGAIN, state="ready")
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


def _is_recent(change: PendingChange) -> bool:
    """Whether our own last post to its lead is so recent that a read may not show it yet."""
    return change.posted_for is not None and change.posted_for < patience.READS_LAG
