"""Sending what was decided: one post after another, each recognised at ResMan by its marker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from domiq_dagster.resman.errors import Refused, ResManError
from domiq_dagster.resman.models import LeadPost, PostedLead
from domiq_dagster.sync.account_gate import NotWanted, asking_first
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.deciding import note_moved
from domiq_dagster.sync.delivery.lead_posts import posts_around
from domiq_dagster.sync.delivery.lead_search import Found
from domiq_dagster.sync.delivery.outcomes import LostLease, Outcome, Postpone, Settle, ShownLead
from domiq_dagster.sync.delivery.planning import Post
from domiq_dagster.sync.delivery.readback import Seen, SentPost, find_post, misses_name, shows
from domiq_dagster.sync.delivery.resolving import Resolved, Resolver
from domiq_dagster.sync.delivery.told_tours import tells_tour, told_tour
from domiq_dagster.sync.linking.store import AgreedPair
from domiq_dagster.sync.queue import queue


class Sender:
    """Sends the posts of one change.

    Args:
        resolver: links a lead that is created, and reads one that is refused.
    """

    def __init__(self, context: DeliveryContext, resolver: Resolver) -> None:
        self._context = context
        self._resolver = resolver

    def send(self, resolved: Resolved, posts: list[Post]) -> Outcome:
        """Sends each post that has not arrived yet.

        Raises:
            ResManError: one could not be sent, or nobody knows whether it was.
        """
        context = self._context
        event_ids: list[str] = []
        answered: tuple[str, ...] = ()
        for post in posts:
            is_there = resolved.record is not None and shows(resolved.record, post.marker)
            if is_there or post.name == resolved.arrived:
                context.attempts.note("probe", "found", {"step": post.name, "marker": post.marker})
                continue
            sent = self._send_one(resolved, post)
            if not isinstance(sent, tuple):
                return sent
            resolved, posted = sent
            answered = posted.event_ids
            event_ids += answered
            resolved = self._with_ids(resolved, posted)
            if post.event.event_id is not None and resolved.edits:
                seen = self._is_edited(resolved, post, posted)
                if not isinstance(seen, Resolved):
                    return seen
                resolved = seen
            if post.creates:
                if resolved.found is None:
                    # Created, but the answer names no id: the search of the next try finds it.
                    return Postpone(
                        "created_without_id", context.rules.first_pause, state="unknown", counted=True
                    )
                if not self._resolver.link(
                    resolved.found.prospect_id, resolved.found.person_id, "created", None
                ):
                    return LostLease()
            if post is not posts[-1] and not note_moved(context, resolved, post.resman_status):
                return LostLease()
        return self._sent(resolved, posts, event_ids, answered)

    def _send_one(self, resolved: Resolved, post: Post) -> tuple[Resolved, PostedLead] | Outcome:
        try:
            return resolved, self._post(resolved, post)
        except Refused as refused:
            if post.event.event_id is not None:
                # No source shows that ResMan edits an event: then a new one stands beside the old.
                unedited = replace(post, event=replace(post.event, event_id=None))
                return self._send_one(replace(resolved, edits=False), unedited)
            if post.creates or resolved.record is not None:
                raise
            # Refused, perhaps, because the lead is gone (merged, say): then it cannot be read either.
            read = self._resolver.read(resolved)
            if not isinstance(read, Resolved):
                return read
            if not misses_name(refused):
                raise
            return read, self._post(read, post)

    def _is_edited(self, resolved: Resolved, post: Post, posted: PostedLead) -> Resolved | Outcome:
        """The change, where ResMan shows the edit, or has made a new event of it; else it is looked for as a
        post in doubt is, since a read may lag. Where it is not seen in the end, it is sent as a new event."""
        context, i, found = self._context, self._context.integration, resolved.found
        assert found is not None
        given = {event_id.lower() for event_id in posted.event_ids}
        if given and str(post.event.event_id).lower() not in given:
            return replace(resolved, edits=False)
        try:
            record = context.attempts.call(
                "read",
                lambda: context.client.search_by_id(i.account_id, i.resman_property_id, found.prospect_id),
            )
        except (ResManError, NotWanted):
            record = None  # later, then
        if record is not None:
            sent = SentPost.of({**_noted(resolved, post), "name": post.name})
            around = posts_around(
                context.connection, context.property_id, found.prospect_id,
                lane=context.conversation_id, but=post.marker,
            )  # fmt: skip
            if find_post(sent, [record.events], around, is_whole=False).seen is Seen.ARRIVED:
                return resolved
        noted = {**_noted(resolved, post), "name": post.name, "answered": True}
        if not queue.note_posting(context.connection, context.claim, noted, context.rules.lease):
            context.connection.rollback()
            return LostLease()
        context.connection.commit()
        return Postpone("edit_not_seen", context.rules.unknown_pause, state="unknown")

    def _post(self, resolved: Resolved, post: Post) -> PostedLead:
        context, lead_post = self._context, _lead_post(resolved, post)
        i = context.integration
        detail = _noted(resolved, post)

        def send() -> PostedLead:
            return context.client.post_lead(i.account_id, i.resman_property_id, lead_post)

        def still_ours(connection: Connection) -> bool:
            """The lease may have run out while the slot was awaited."""
            return queue.still_holds(connection, context.claim)

        def may_be_sent(connection: Connection) -> bool:
            """If not, the post is noted as one that ResMan may have, before it has."""
            noted = {**detail, "name": post.name}
            return queue.note_posting(connection, context.claim, noted, context.rules.lease)

        with asking_first(still_ours, may_be_sent=may_be_sent):
            return context.attempts.call(post.name, send, detail)

    def _with_ids(self, resolved: Resolved, posted: PostedLead) -> Resolved:
        """The change with what ResMan's answer names."""
        found = resolved.found
        prospect_id = posted.prospect_id or (found.prospect_id if found else None)
        if prospect_id is None:
            return resolved
        person_id = posted.person_id or (found.person_id if found else None)
        if found is None:
            return replace(resolved, found=Found(prospect_id, person_id, None, "created"))
        return replace(resolved, found=replace(found, prospect_id=prospect_id, person_id=person_id))

    def _sent(
        self, resolved: Resolved, posts: list[Post], event_ids: list[str], answered: tuple[str, ...]
    ) -> Outcome:
        """How the delivery ends. `answered`: the ids of events in the answer to its last post."""
        found, last = resolved.found, posts[-1]
        assert found is not None
        context, after = self._context, last.resman_status
        return Settle(
            "success",
            "sent",
            f"{', '.join(p.event.event_type for p in posts)} at ResMan",
            prospect_id=found.prospect_id,
            more={
                "event_ids": event_ids,
                "marker": last.marker,
                "resman_status": after,
                **told_tour(resolved, last.marker, {}, answered),
            },
            agreed=AgreedPair(context.conversation_id, resolved.new_status, after, found.person_id),
            shown=ShownLead(found.prospect_id, found.person_id, after),
        )


def _noted(resolved: Resolved, post: Post) -> dict[str, Any]:
    """What is kept of a post, for the record and for whoever looks for it."""
    event = post.event
    prospect_id = None if post.creates or resolved.found is None else resolved.found.prospect_id
    noted = {
        "event_type": event.event_type,
        "event_date": event.event_date.isoformat() if event.event_date else None,
        "customer_type": post.customer_type,
        "marker": post.marker,
        "prospect_id": prospect_id,
        "agent_id": event.agent_id,
        "transaction_source": event.transaction_source,
    }
    if post.name == "tell" and tells_tour(resolved):
        noted["tour"] = resolved.change.tour
    return noted if event.event_id is None else {**noted, "event_id": event.event_id}


def _lead_post(resolved: Resolved, post: Post) -> LeadPost:
    """The body of a post. Of a lead that exists only ResMan's own name is restated, where it was read:
    DomIQ's may be 'Anonymous User', and would overwrite it."""
    change, found, record = resolved.change, resolved.found, resolved.record
    if post.creates:
        return LeadPost(
            customer_type=post.customer_type,
            event=post.event,
            first_name=change.first_name,
            last_name=change.last_name,
            email=change.email,
            phone=change.phone,
            move_in_date=change.move_in_date,
        )
    assert found is not None
    main = record.people[0] if record is not None and record.people else None
    return LeadPost(
        customer_type=post.customer_type,
        event=post.event,
        first_name=main.first_name if main else None,
        last_name=main.last_name if main else None,
        prospect_id=found.prospect_id,
        person_id=found.person_id,
    )
