"""Conflicts that a person decides (manual_review): carrying out the decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.rows import row_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.decisions.conflict_store import close_conflicts
from domiq_dagster.sync.decisions.decide import enforceable
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.linking.store import AgreedPair, agree
from domiq_dagster.sync.operator_actions import Deciding, record
from domiq_dagster.sync.queue import lanes
from domiq_dagster.sync.queue.doubts import Word, decide_doubt
from domiq_dagster.sync.status_map import LeadStatus

QUERIES = load_queries(__package__, "conflicts.sql")
Side = Literal["domiq", "resman"]


class NoSuchConflict(Exception):
    """There is no open conflict for that conversation, or its change is on its way just now."""


class CannotEnforce(NoSuchConflict):
    """DomIQ's status cannot be brought about at ResMan."""


class _MovedOn(Exception):
    """The conflict does not show the two sides as they are."""


@dataclass(frozen=True, slots=True)
class _Person:
    """Whoever decides, and why."""

    by: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class _OpenConflict:
    """A conflict with the two sides as they are, and as it shows them."""

    conversation_id: UUID
    property_id: UUID
    prospect_id: str
    domiq_status: str | None
    resman_status: str
    shown_domiq_status: str | None
    shown_resman_status: str
    lead_status: str | None

    @property
    def has_moved_on(self) -> bool:
        shown = (self.shown_domiq_status, self.shown_resman_status)
        return (self.domiq_status, self.resman_status) != shown


def resolve(
    engine: Engine,
    conversation_id: UUID,
    keep: Side,
    *,
    by: str | None = None,
    why: str | None = None,
    dry_run: bool = False,
) -> None:
    """Lets one side win, which goes on record with `by` and `why`. ResMan's status is applied at once;
    DomIQ's goes out with the next push. With `dry_run` it is only found out whether it can be done.

    Raises:
        NoSuchConflict: there is none, or the sides have moved on since: what there is to decide has changed.
        CannotEnforce: the side that is to win cannot.
    """
    integration = _integration_of(engine, conversation_id)
    try:
        _decide(engine, integration, conversation_id, keep, _Person(by, why), dry_run=dry_run)
    except _MovedOn as moved:
        if not dry_run:
            apply_property(engine, integration, conversation_id=conversation_id)
        raise NoSuchConflict(str(moved)) from None
    if not dry_run:
        applied = apply_property(engine, integration, conversation_id=conversation_id)
        if (why := applied.refused.get(conversation_id)) is not None:
            raise CannotEnforce(
                f"What was decided is on record, but could not be applied ({why}). Each pass tries it again."
            )


def resolve_doubt(
    engine: Engine, change_id: UUID, word: Word, *, by: str, why: str | None = None, dry_run: bool = False
) -> None:
    """Settles the doubt about a change: it has arrived, or it is to be sent again. Goes on record with `by`
    and `why`; the next push carries it out. With `dry_run` it is only found out whether it can be done.

    Raises:
        NoSuchConflict: nothing of the kind is open.
    """
    with engine.begin() as connection:
        if not decide_doubt(connection, change_id, word, by):
            raise NoSuchConflict(
                f"Change {change_id} is not in doubt, or is just being looked for: see domiq-sync conflicts."
            )
        property_id = connection.scalar(QUERIES.property_of_change, {"change_id": change_id})
        record(connection, Deciding(word), by, why, property_id=property_id, subject=[change_id])
        if dry_run:
            connection.rollback()


def _integration_of(engine: Engine, conversation_id: UUID) -> Integration:
    with engine.connect() as connection:
        property_id = connection.scalar(QUERIES.property_of_conflict, {"conversation_id": conversation_id})
        if property_id is None:
            raise _none_open(conversation_id)
        found = load_integrations(connection, property_ids=[property_id], enabled_only=False)
    if not found:
        raise CannotEnforce("The property is not connected any more: connect it, or leave the conflict.")
    return found[0]


def _none_open(conversation_id: UUID) -> NoSuchConflict:
    return NoSuchConflict(f"There is no open conflict for conversation {conversation_id}.")


def _decide(
    engine: Engine,
    integration: Integration,
    conversation_id: UUID,
    keep: Side,
    person: _Person,
    *,
    dry_run: bool,
) -> None:
    with engine.begin() as connection:
        values = {"conversation_id": conversation_id}
        conflict = row_as(_OpenConflict, connection.execute(QUERIES.lock_conflict, values))
        if conflict is None:
            raise _none_open(conversation_id)
        lanes.lock(connection, conversation_id)
        _check(connection, conflict, integration, keep)
        if dry_run:
            return
        # Before the pair: what waited for a person must not find the conflict gone and the pair as it was.
        close_conflicts(connection, [conversation_id], f"a person decided: {keep}", by=person.by)
        record(
            connection,
            Deciding.RESOLVE,
            person.by,
            person.why,
            property_id=conflict.property_id,
            subject=[conversation_id, conflict.prospect_id],
            details={"keep": keep},
        )
        if keep == "domiq":
            # The side that is to lose counts as agreed, so that only the other one has moved.
            agree(connection, AgreedPair(conversation_id, None, conflict.resman_status))
            lanes.wake(connection, lanes.CONFLICT, conversation_id)
        else:
            beaten = {
                "outcome": "superseded",
                "reason": "a person decided for ResMan's status",
                "decided_by": person.by,
            }
            lanes.supersede_open(connection, conversation_id, conflict.prospect_id, beaten)
            agree(connection, AgreedPair(conversation_id, conflict.domiq_status, ""))


def _check(connection: Connection, conflict: _OpenConflict, integration: Integration, keep: Side) -> None:
    if lanes.is_under_way(connection, conflict.conversation_id):
        raise NoSuchConflict("A change of this conversation is on its way to ResMan: try again in a minute.")
    if conflict.has_moved_on:
        raise _MovedOn(
            "The two sides have moved on since the conflict was listed: DomIQ shows "
            f"{conflict.domiq_status}, ResMan {conflict.resman_status}. Look again with domiq-sync conflicts."
        )
    if not (integration.outbound if keep == "domiq" else integration.inbound):
        raise CannotEnforce(
            f"The property's settings do not let {'DomIQ' if keep == 'domiq' else 'ResMan'}'s status across: "
            "change its direction, or enable it, with domiq-sync connect."
        )
    wanted = LeadStatus(conflict.lead_status) if conflict.lead_status is not None else None
    if keep == "domiq" and wanted is not None and not enforceable(conflict.resman_status, wanted):
        raise CannotEnforce(
            f"ResMan shows {conflict.resman_status}, which cannot be undone from DomIQ: keep resman, or have "
            "it changed in ResMan."
        )
