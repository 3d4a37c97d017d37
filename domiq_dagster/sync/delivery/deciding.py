"""Deciding about a resolved change before anything is sent: has it arrived, does ResMan win, what is there to
post?"""

from __future__ import annotations

from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.sync.decisions.decide import Action, Pair, Situation, decide
from domiq_dagster.sync.delivery import lead_state
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.outcomes import LostLease, Outcome, Postpone, Settle, ShownLead
from domiq_dagster.sync.delivery.planning import NothingToSend, Post, marker
from domiq_dagster.sync.delivery.readback import half_arrived, has_arrived, is_newer, main_person_id
from domiq_dagster.sync.delivery.resolving import NEWER_SPEAKS, Resolved
from domiq_dagster.sync.linking.store import AgreedPair, note_resman_moved
from domiq_dagster.sync.status_map import CUSTOMER_TYPES, RESMAN_LOST, RESMAN_PROSPECT, LeadStatus


def decide_posts(context: DeliveryContext, resolved: Resolved) -> list[Post] | Outcome:
    """What to post, or how the delivery ends without a post."""
    change, record = resolved.change, resolved.record
    if record is not None and has_arrived(change, resolved.target, record):
        return _arrived(context, resolved, record)
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
    if record is not None and status == RESMAN_PROSPECT and half_arrived(change, record):
        # What it shows is our own first post of two, and no news.
        if not note_moved(context, resolved, status):
            return LostLease()
    elif status is not None and (ended := _resman_wins(context, resolved, status)) is not None:
        return ended
    posts = resolved.posts()
    if isinstance(posts, NothingToSend):
        agreed = None
        if status is not None:
            agreed = AgreedPair(context.conversation_id, resolved.new_status, status)
        return Settle("success", posts.outcome, posts.reason, prospect_id=change.prospect_id, agreed=agreed)
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
        open_outbound=True,
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


def _arrived(context: DeliveryContext, resolved: Resolved, record: LeadRecord) -> Outcome:
    """An earlier try got all there was to say to ResMan. What ResMan did since is left to the next decision
    about the lead."""
    change, found = resolved.change, resolved.found
    assert found is not None
    mark = marker(change.change_id)
    context.attempts.note("probe", "found", {"marker": mark})
    after = RESMAN_LOST if resolved.target is LeadStatus.LOST else RESMAN_PROSPECT
    shown = CUSTOMER_TYPES.get(record.customer_type, after)
    person_id = main_person_id(record)
    return Settle(
        "success",
        "confirmed_by_read",
        "ResMan shows the event, though its answer did not come",
        prospect_id=found.prospect_id,
        more={"marker": mark, "resman_status": after},
        agreed=AgreedPair(context.conversation_id, resolved.new_status, after, person_id),
        shown=ShownLead(found.prospect_id, person_id, shown),
    )
