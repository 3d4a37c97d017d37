"""After a restore: what was told to ResMan in the time that the database lost, and is not to be told again.

A change that was pending then is recognised by its marker, as ever. One that came again since (the chatbot
said it once more, a rule ran once more) has another id. It is recognised by what it says: an event of ours,
of a change that the log does not know, with the same type and the same status, and for a tour the same time.
That holds only for the lost time, and only while ResMan still shows the status that the event left behind:
an older event belongs to a log that was thinned out, and a lead that has moved on is to be told again.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import timedelta

from domiq_dagster.resman.models import LeadEvent, LeadRecord
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.outcomes import Outcome, Settle, ShownLead
from domiq_dagster.sync.delivery.pending_change import PendingChange
from domiq_dagster.sync.delivery.planning import TOLD_BY_CREATION, NothingToSend, Post
from domiq_dagster.sync.delivery.readback import main_person_id
from domiq_dagster.sync.delivery.resolving import Resolved
from domiq_dagster.sync.delivery.told_tours import told_tour
from domiq_dagster.sync.linking.store import AgreedPair
from domiq_dagster.sync.queue import restores
from domiq_dagster.sync.status_map import CUSTOMER_TYPES, LeadStatus, folded

_MARKER = re.compile(r"\[DQ-([0-9a-f]{12})[a-z]?\]")
LONGEST_LOST = timedelta(days=7)
"""What the database may have lost, where nobody said since when."""
_MISDATED = timedelta(days=1)
"""By so much an event's date may be wrong: ResMan may answer without its zone."""
_SAYS = re.compile(r"DomIQ status: (?:\S+ -> )?(.+?)\.(?: |$)")


def must_read(resolved: Resolved) -> bool:
    """Whether the lead is to be read before anything is told, since the database was put back of late, or
    after this change was logged."""
    return resolved.change.restored_at is not None and resolved.found is not None


def told_already(context: DeliveryContext, resolved: Resolved) -> Outcome | None:
    """How the delivery ends where ResMan was told the same by a change that the database lost; None where it
    was not. That ResMan shows an event of a change which the log never had is noticed here. Commits."""
    record, found = resolved.record, resolved.found
    if record is None or found is None:
        return None
    begun = (resolved.change.restored_since or context.attempts.now() - LONGEST_LOST) - _MISDATED
    shown = {
        m.group(1): event
        for event in record.events
        for m in _MARKER.finditer(event.comments or "")
        if event.event_date is None or event.event_date >= begun
    }
    if not shown:
        return None
    connection = context.connection
    lost = restores.unknown_markers(connection, shown)
    is_news = bool(lost) and restores.note_strangers(connection, lost)
    lost -= restores.taken_up(connection, context.conversation_id) if lost else set()
    connection.commit()
    posts = resolved.posts()
    if not (is_news or must_read(resolved)) or isinstance(posts, NothingToSend):
        return None
    if posts[-1].resman_status != resolved.status:
        return None
    for marker in sorted(lost):
        if says_the_same(shown[marker], resolved.change, resolved.target, posts):
            return _found_again(context, resolved, record, marker, posts[-1])
    return None


def says_the_same(
    event: LeadEvent, change: PendingChange, target: LeadStatus, posts: Collection[Post]
) -> bool:
    """Whether an event of ours tells what a change's posts would tell."""
    last = list(posts)[-1].event
    types = {last.event_type.lower()} | ({"contact", "reactivate"} if target in TOLD_BY_CREATION else set())
    if event.event_type.lower() not in types:
        return False
    if last.event_type.lower() == "appointment" and event.event_date != last.event_date:
        return False
    said = _SAYS.search(event.comments or "")
    return said is None or folded(said.group(1)) == folded(change.new_status or "")


def _found_again(
    context: DeliveryContext, resolved: Resolved, record: LeadRecord, marker: str, post: Post
) -> Outcome:
    found = resolved.found
    assert found is not None
    context.attempts.note("probe", "found", {"lost_marker": marker})
    person_id = main_person_id(record)
    return Settle(
        "success",
        "told_before_restore",
        "ResMan was told of it before the database was put back",
        prospect_id=found.prospect_id,
        more={
            "lost_marker": marker,
            "resman_status": post.resman_status,
            **told_tour(resolved, f"[DQ-{marker}]", {}),
        },
        agreed=AgreedPair(context.conversation_id, resolved.new_status, post.resman_status, person_id),
        shown=ShownLead(
            found.prospect_id, person_id, CUSTOMER_TYPES.get(record.customer_type, post.resman_status)
        ),
    )
