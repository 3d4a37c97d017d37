"""domiq-sync conflicts: what waits for a person, and deciding it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, get_args
from uuid import UUID

import typer
from sqlalchemy import Engine

from domiq_dagster.cli import views
from domiq_dagster.cli.base import By, DryRun, Json, Usage, Utc, Why, database, decider, finish, reason
from domiq_dagster.sync.decisions.conflict_store import OpenConflict, open_conflicts
from domiq_dagster.sync.linking.reviews import OpenReview, close_moot_reviews, open_reviews
from domiq_dagster.sync.queue.doubts import OpenDoubt, Word, open_doubts
from domiq_dagster.sync.repair.conflicts import Side, resolve, resolve_doubt
from domiq_dagster.sync.repair.link_review import link_by_hand, never_link


def conflicts(
    resolving: Annotated[
        UUID | None, typer.Option("--resolve", help="The conversation to decide about.")
    ] = None,
    keep: Annotated[str | None, typer.Option(help="Whose status wins: domiq or resman.")] = None,
    link: Annotated[UUID | None, typer.Option(help="The conversation to link by hand.")] = None,
    to: Annotated[str | None, typer.Option(help="The lead (prospect id) that it belongs to.")] = None,
    never: Annotated[str | None, typer.Option(help="A lead that it never belongs to.")] = None,
    arrived: Annotated[
        UUID | None, typer.Option(help="A change in doubt that ResMan has: it counts as sent.")
    ] = None,
    send_again: Annotated[
        UUID | None, typer.Option(help="A change in doubt that ResMan does not have: it is sent again.")
    ] = None,
    by: By = None,
    why: Why = None,
    dry_run: DryRun = False,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """List what waits for a person, or decide it: statuses that both sides moved, unclear links, and changes
    of which nobody can see whether they have arrived."""
    side = _side(keep)
    if (resolving is None) != (side is None):
        raise Usage("Give --resolve CONVERSATION together with --keep domiq or --keep resman.")
    if (link is None) != (to is None and never is None) or (to is not None and never is not None):
        raise Usage("Give --link CONVERSATION together with --to LEAD or --never LEAD.")
    person = _Person(decider(by), reason(why))
    with database() as engine:
        if resolving is not None and side is not None:
            _resolve(engine, resolving, side, person, dry_run=dry_run)
        if link is not None and to is not None:
            _link(engine, link, to, person, dry_run=dry_run)
        if link is not None and never is not None:
            _rule_out(engine, link, never, person, dry_run=dry_run)
        for change_id, word in _doubts(arrived, send_again):
            if change_id is not None:
                _settle_doubt(engine, change_id, word, person, dry_run=dry_run)
        open_now, reviews, doubts = _listed(engine, dry_run=dry_run)
    views.print_conflicts(open_now)
    views.print_link_reviews(reviews)
    views.print_doubts(doubts)
    listed = {
        "conflicts": [asdict(c) for c in open_now],
        "links": [asdict(r) for r in reviews],
        "doubts": [asdict(d) for d in doubts],
    }
    finish(json_output, listed)


@dataclass(frozen=True, slots=True)
class _Person:
    """Whoever decides, and why."""

    name: str
    why: str | None


def _side(keep: str | None) -> Side | None:
    for side in get_args(Side):
        if keep == side:
            found: Side = side
            return found
    if keep is not None:
        raise Usage("Give --resolve CONVERSATION together with --keep domiq or --keep resman.")
    return None


def _resolve(engine: Engine, conversation_id: UUID, side: Side, by: _Person, *, dry_run: bool) -> None:
    resolve(engine, conversation_id, side, by=by.name, why=by.why, dry_run=dry_run)
    print(f"It would be decided for {side}." if dry_run else f"Decided for {side}.")


def _link(engine: Engine, conversation_id: UUID, prospect_id: str, by: _Person, *, dry_run: bool) -> None:
    link_by_hand(engine, conversation_id, prospect_id, by=by.name, why=by.why, dry_run=dry_run)
    print(
        "They would be linked."
        if dry_run
        else "Linked. If a change failed as ambiguous_lead: domiq-sync retry --reason ambiguous_lead."
    )


def _rule_out(engine: Engine, conversation_id: UUID, prospect_id: str, by: _Person, *, dry_run: bool) -> None:
    never_link(engine, conversation_id, prospect_id, by=by.name, why=by.why, dry_run=dry_run)
    print(
        "The pair would be ruled out."
        if dry_run
        else "Ruled out. The next full read looks at the others that fit."
    )


def _doubts(arrived: UUID | None, send_again: UUID | None) -> list[tuple[UUID | None, Word]]:
    if arrived is not None and arrived == send_again:
        raise Usage("A change has arrived, or is to be sent again: give it to --arrived or to --send-again.")
    return [(arrived, "arrived"), (send_again, "send_again")]


def _settle_doubt(engine: Engine, change_id: UUID, word: Word, by: _Person, *, dry_run: bool) -> None:
    resolve_doubt(engine, change_id, word, by=by.name, why=by.why, dry_run=dry_run)
    done = "counted as sent" if word == "arrived" else "sent again"
    print(f"It would be {done}." if dry_run else f"Decided: the next push has it {done}.")


def _listed(engine: Engine, *, dry_run: bool) -> tuple[list[OpenConflict], list[OpenReview], list[OpenDoubt]]:
    """What waits for a person. Reviews that have answered themselves are closed first."""
    with engine.begin() as connection:
        close_moot_reviews(connection)
        listed = open_conflicts(connection), open_reviews(connection), open_doubts(connection)
        if dry_run:
            connection.rollback()
    return listed
