"""Deciding about a resolved change before anything is sent: has it arrived, does ResMan win, what is there to
post?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.sync.decisions.decide import Action, Pair, Situation, decide, enforceable
from domiq_dagster.sync.delivery import lead_state
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.doubt import Waited, settle_doubt, was_answered
from domiq_dagster.sync.delivery.outcomes import LostLease, Outcome, Postpone, Settle, ShownLead
from domiq_dagster.sync.delivery.planning import TOLD_BY_CREATION, NothingToSend, Post, marker
from domiq_dagster.sync.delivery.readback import (
    SentPost,
    half_arrived,
    has_arrived,
    is_newer,
    main_person_id,
    shown_id,
)
from domiq_dagster.sync.delivery.resolving import NEWER_SPEAKS, Resolved
from domiq_dagster.sync.delivery.told_tours import tells_tour, told_tour
from domiq_dagster.sync.linking.store import AgreedPair, note_resman_moved
from domiq_dagster.sync.queue.lanes import IN_DOUBT
from domiq_dagster.sync.status_map import CUSTOMER_TYPES, RESMAN_LOST, RESMAN_PROSPECT, LeadStatus

_NOT_SENT_AGAIN = (
    "Each try to send it ended in a fault, and it is not seen at ResMan; domiq-sync retry has it tried anew"
)


def decide_posts(context: DeliveryContext, resolved: Resolved) -> list[Post] | Outcome:
    """What to post, or how the delivery ends without a post."""
    change, record = resolved.change, resolved.record
    if record is not None and has_arrived(change, resolved.target, record):
        return _arrived(context, resolved, record, "ResMan shows the event, though its answer did not come")
    if change.is_spoken_for:
        return Settle("success", "superseded", NEWER_SPEAKS)
    status = resolved.status
    if resolved.found is not None and status is None:
        word = record.customer_type if record is not None else "?"
        return Settle(
            "failed",
            "unknown_resman_status",
            f"ResMan's word for the lead, '{word}', is not known here",
            prospect_id=resolved.found.prospect_id,
        )
    if context.claim.in_doubt:
        told = _after_doubt(context, resolved)
        if not isinstance(told, Resolved):
            return told
        resolved = told
    half = resolved.arrived is not None or (record is not None and half_arrived(change, record))
    if record is not None and status == RESMAN_PROSPECT and half:
        # What it shows is our own first post of two, and no news.
        if not note_moved(context, resolved, status):
            return LostLease()
    elif status is not None and (ended := _resman_wins(context, resolved, status)) is not None:
        return ended
    posts = resolved.posts()
    if isinstance(posts, NothingToSend):
        agreed = None
        # A status from which ResMan cannot be brought there is no pair to rest on. The change may be older or
        # newer than what the conversation shows: whoever compares the two next has ResMan's win. That a tour
        # moved settles nothing between the statuses.
        if status is not None and enforceable(status, resolved.target) and not change.moves_tour:
            agreed = AgreedPair(context.conversation_id, resolved.new_status, status)
        return Settle("success", posts.outcome, posts.reason, prospect_id=change.prospect_id, agreed=agreed)
    if context.has_no_tries_left and resolved.arrived is None:
        context.attempts.note("probe", IN_DOUBT, {"sentence": _NOT_SENT_AGAIN})
        return Postpone(IN_DOUBT, context.rules.configuration_pause, state="unknown", read_back=True)
    return posts


def note_moved(context: DeliveryContext, resolved: Resolved, status: str) -> bool:
    """Notes that our own first post of two moved the lead. Committed at once: should the second be postponed,
    the next try must not repeat the first.

    Returns:
        Whether the claim still held; if not, nothing was written.
    """
    assert resolved.found is not None
    if not context.keep_claim():
        return False
    prospect_id = resolved.found.prospect_id
    lead_state.note_moved(context.connection, context.property_id, prospect_id, status)
    note_resman_moved(context.connection, context.conversation_id, status)
    context.connection.commit()
    return True


def _resman_wins(context: DeliveryContext, resolved: Resolved, status: str) -> Outcome | None:
    """Where ResMan moved since the pair was agreed, the policy decides before anything is sent."""
    i, change = context.integration, resolved.change
    situation = Situation(
        agreed=change.agreed,
        now=Pair(change.domiq_status, status),
        open_outbound=change.open_status,
        policy=i.policy,
        inbound=i.inbound,
        outbound=i.outbound,
        domiq_is_newer=is_newer(change, resolved.record),
    )
    action = decide(situation, context.statuses).action
    if action is Action.REVIEW:
        return Postpone("conflict", context.rules.configuration_pause, decide_again=True)
    if action is Action.APPLY:
        return Postpone("resman_moved", 1.0, state="ready", decide_again=True)
    return None


def _after_doubt(context: DeliveryContext, resolved: Resolved) -> Resolved | Outcome:
    """What is left to do of a change of which a post may have arrived, or how the delivery ends."""
    found = settle_doubt(context, resolved)
    if isinstance(found, Waited):
        return found.postpone
    if found.arrived is None:
        return replace(resolved, edits=not was_answered(context.claim))
    whole = found.arrived.name == "tell" or resolved.target in TOLD_BY_CREATION
    if not whole:
        return replace(resolved, arrived=found.arrived.name)
    word = found.decided_by_person
    return _arrived(
        context,
        resolved,
        resolved.record,
        found.sentence,
        "confirmed_by_person" if word else "confirmed_by_read",
    )


def _arrived(
    context: DeliveryContext,
    resolved: Resolved,
    record: LeadRecord | None,
    reason: str,
    outcome: str = "confirmed_by_read",
) -> Outcome:
    """An earlier try got all there was to say to ResMan. What ResMan did since is left to the next decision
    about the lead."""
    change, found = resolved.change, resolved.found
    posted = context.claim.posted or {}
    mark = str(posted.get("marker") or marker(change.change_id))
    noted: dict[str, Any] = {"marker": mark, **({"posted": posted} if posted else {})}
    ids: list[str] = []
    if record is not None and tells_tour(resolved):
        post = SentPost.of({**posted, "marker": mark})
        ids = [i for i in [shown_id(post, record.events)] if i is not None]
        noted |= {"shown_event_ids": ids} if ids else {}
    context.attempts.note("probe", "found", noted)
    after = RESMAN_LOST if resolved.target is LeadStatus.LOST else RESMAN_PROSPECT
    more = {
        "marker": mark,
        "resman_status": after,
        **told_tour(resolved, mark, posted, ids),
    }
    if found is None:
        return Settle("success", outcome, reason, more=more)
    # Unread, it shows what the post left behind, as after an answer that came.
    shown = CUSTOMER_TYPES.get(record.customer_type, after) if record is not None else after
    person_id = main_person_id(record) if record is not None else found.person_id
    return Settle(
        "success",
        outcome,
        reason,
        prospect_id=found.prospect_id,
        more=more,
        agreed=AgreedPair(context.conversation_id, resolved.new_status, after, person_id),
        shown=ShownLead(found.prospect_id, person_id, shown),
    )
