"""What waits for a person: conflicts, links to decide, changes in doubt. Lines rather than tables: ids are to
be copied, and none may be cut or broken at 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.times import when
from domiq_dagster.sync.decisions.conflict_store import OpenConflict
from domiq_dagster.sync.linking.reviews import OpenReview
from domiq_dagster.sync.queue.doubts import OpenDoubt


def print_conflicts(conflicts: Sequence[OpenConflict]) -> None:
    """Three lines a conflict, or that there is none."""
    console = make_console()
    if not conflicts:
        console.print("No conflict waits for a person.")
        return
    console.print("[bold]Statuses that both sides moved[/]")
    for c in conflicts:
        console.print(f"{when(c.opened_at)} {escape(c.partition_key)}")
        console.print(f"  DomIQ {escape(c.domiq_status)}, ResMan {escape(c.resman_status)}")
        console.print(f"  conversation {c.conversation_id}")
        console.print(f"  lead {escape(c.prospect_id)}")
    console.print("domiq-sync conflicts --resolve CONVERSATION --keep domiq (or resman)")


def print_link_reviews(reviews: Sequence[OpenReview]) -> None:
    """Nothing where no link waits for a person."""
    if not reviews:
        return
    console = make_console()
    console.print("[bold]Links to decide[/]")
    for q in reviews:
        console.print(f"{when(q.asked_at)} {escape(q.partition_key)}: {escape(q.reason)}")
        for conversation_id in q.conversation_ids:
            console.print(f"  conversation {conversation_id}")
        for prospect_id in q.prospect_ids or [q.prospect_id]:
            console.print(f"  lead {escape(prospect_id)}")
    console.print("domiq-sync conflicts --link CONVERSATION --to LEAD, or --never LEAD")


def print_doubts(doubts: Sequence[OpenDoubt]) -> None:
    """Nothing where no change is in doubt."""
    if not doubts:
        return
    console = make_console()
    console.print("[bold]Changes that may have arrived[/]")
    for d in doubts:
        moved = f"{d.old_status or 'none'} -> {d.new_status}"
        console.print(f"{when(d.posted_at)} {escape(d.partition_key)}: {escape(moved)}")
        console.print(f"  change {d.change_id}")
        console.print(f"  lead {escape(d.prospect_id or 'none yet')}")
        posted = f"posted as {d.event_type} of {d.event_date}, looked for {d.read_backs} times"
        console.print(f"  {escape(posted)}")
        if d.sentence:
            console.print(f"  {escape(d.sentence)}")
    console.print("domiq-sync conflicts --arrived CHANGE, or --send-again CHANGE")
