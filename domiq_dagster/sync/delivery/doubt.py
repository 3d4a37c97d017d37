"""Doubt: a post of the change may have arrived, and nobody knows.

It is looked for several times, over minutes, since ResMan may still be working on it and its reads may lag;
only then is it sent again, or, where nothing can be known, left to a person.
"""

from __future__ import annotations

from dataclasses import dataclass

from domiq_dagster.resman.errors import Disposition, ResManError
from domiq_dagster.resman.models import LeadEvent
from domiq_dagster.sync import patience
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.lead_posts import posts_around
from domiq_dagster.sync.delivery.outcomes import Postpone
from domiq_dagster.sync.delivery.planning import TOLD_BY_CREATION, NothingToSend
from domiq_dagster.sync.delivery.readback import Finding, Seen, SentPost, Surroundings, find_post
from domiq_dagster.sync.delivery.resolving import Resolved
from domiq_dagster.sync.queue.lanes import IN_DOUBT
from domiq_dagster.sync.queue.queue import ARRIVED, SEND_AGAIN, Claim
from domiq_dagster.sync.status_map import RESMAN_PROSPECT, LeadStatus


@dataclass(frozen=True, slots=True)
class Told:
    """The doubt is over. `arrived` is the post that has arrived; None: it may be sent."""

    arrived: SentPost | None
    sentence: str = ""
    decided_by_person: bool = False


@dataclass(frozen=True, slots=True)
class Waited:
    """It is not over yet."""

    postpone: Postpone


def settle_doubt(context: DeliveryContext, resolved: Resolved) -> Told | Waited:
    """Looks for the post in doubt of a change, whose lead was read.

    Raises:
        ResManError: ResMan could not be asked.
    """
    claim, planned = context.claim, resolved.posts()
    if claim.decided == SEND_AGAIN:
        return Told(None)
    post = SentPost.of(claim.posted)
    if isinstance(planned, NothingToSend):
        return _overtaken(context, resolved, post)
    if not post.marker:  # it was sent before posts were noted
        last = planned[-1]
        e = last.event
        post = SentPost(last.name, last.marker, e.event_type, e.event_date, e.agent_id)
    if claim.decided == ARRIVED:
        return Told(post, "a person decided that it arrived", decided_by_person=True)
    wait = _until_next_read(context)
    found = _read_back(context, resolved, post, is_last=wait is None)
    if found.seen is Seen.ARRIVED:
        return Told(post, f"{found.sentence}, though its answer did not come")
    if wait is not None:
        context.attempts.note("probe", "not_seen_yet", {"marker": post.marker, "seen": found.seen.value})
        return Waited(Postpone("not_seen_yet", wait, state="unknown", read_back=True))
    if found.seen is Seen.NOT_THERE:
        return Told(None)
    if was_answered(claim):
        return Told(post, "ResMan answered its post, and shows nothing that speaks against it")
    if _nothing_can_double(resolved, post):
        return Told(post, "ResMan shows the lead as the post would leave it, and no events")
    context.attempts.note("probe", IN_DOUBT, {"marker": post.marker, "sentence": found.sentence})
    return Waited(Postpone(IN_DOUBT, context.rules.configuration_pause, state="unknown", read_back=True))


def was_answered(claim: Claim) -> bool:
    """Whether ResMan answered the post in doubt, which was to edit an event, and has not shown the edit."""
    return claim.posted is not None and claim.posted.get("answered") is True


def _nothing_can_double(resolved: Resolved, post: SentPost) -> bool:
    """Whether the change may go on though nobody can tell whether its first post of two arrived: the lead is
    there, and active, so only the second is sent, and it takes nothing back. That the lead is so is no proof:
    staff, or another conversation of the same person, may have made it so."""
    return (
        post.name in ("create", "reactivate")
        and resolved.target not in TOLD_BY_CREATION | {LeadStatus.LOST}
        and resolved.status == RESMAN_PROSPECT
    )


def _overtaken(context: DeliveryContext, resolved: Resolved, post: SentPost) -> Told:
    """ResMan is where the change would bring it, be it by the post in doubt or otherwise. What is seen of the
    post counts all the same for others that look like it."""
    if post.marker and resolved.found is not None and resolved.record is not None:
        around = _around(context, resolved.found.prospect_id, post)
        if find_post(post, [resolved.record.events], around, is_whole=False).seen is Seen.ARRIVED:
            return Told(post, "ResMan shows the event, though its answer did not come")
        context.attempts.note("probe", "overtaken", {"marker": post.marker, "posted": context.claim.posted})
    return Told(None)


def _until_next_read(context: DeliveryContext) -> float | None:
    """Seconds until it is to be looked for again; None: this look is the last."""
    claim, times = context.claim, context.rules.read_backs
    ago = claim.posted_for or 0.0
    later = [t for t in times if t > ago]
    if later:
        return max(later[0] - ago, 1.0)
    if claim.read_backs + 1 >= patience.LEAST_READ_BACKS:
        return None
    return min(patience.READ_AGAIN, times[-1])


def _read_back(context: DeliveryContext, resolved: Resolved, post: SentPost, *, is_last: bool) -> Finding:
    """What ResMan's answers say of a post to a lead that exists."""
    found, record = resolved.found, resolved.record
    if found is None or record is None:
        return Finding(Seen.NOT_THERE, "ResMan has no such lead")
    around = _around(context, found.prospect_id, post)
    finding = find_post(post, [record.events], around, is_whole=False)
    if finding.seen is Seen.ARRIVED or (record.events and not is_last):
        return finding
    # v1 may leave events out of a search's answer. v2 is asked for the lead's whole log.
    log = _log_of(context, found.prospect_id, post.agent_id)
    if log is None:
        return finding
    return find_post(post, [record.events, log], around, is_whole=True)


def _around(context: DeliveryContext, prospect_id: str, post: SentPost) -> Surroundings:
    return posts_around(
        context.connection,
        context.property_id,
        prospect_id,
        lane=context.conversation_id,
        but=post.marker,
    )


def _log_of(context: DeliveryContext, prospect_id: str, agent_id: str | None) -> tuple[LeadEvent, ...] | None:
    """The lead's communication log; None where ResMan does not show it to us."""
    i = context.integration

    def ask() -> tuple[LeadEvent, ...] | None:
        return context.client.communication_log(
            i.account_id, i.resman_property_id, prospect_id, agent_id=agent_id
        )

    try:
        return context.attempts.call("read_log", ask)
    except ResManError as error:
        if error.disposition is not Disposition.PERMANENT and error.kind not in (
            "garbled",
            "answer_too_large",
        ):
            raise
        return None
