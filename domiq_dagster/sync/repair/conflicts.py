"""Conflicts that a person decides (manual_review): listing them and carrying out the decision."""

from __future__ import annotations

import json
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.decisions.decide import enforceable
from domiq_dagster.sync.integrations import Integration, load_integrations

QUERIES = load_queries(__package__, "conflicts.sql")
INBOUND = load_queries("domiq_dagster.sync.decisions", "apply.sql")


class NoSuchConflict(Exception):
    """There is no open conflict for that conversation, or its change is on its way just now."""


class CannotEnforce(NoSuchConflict):
    """DomIQ's status cannot be brought about at ResMan."""


def open_conflicts(connection: Connection) -> list[dict[str, Any]]:
    """The open ones, oldest first."""
    return [dict(r._mapping) for r in connection.execute(QUERIES.open_conflicts)]


def resolve(
    engine: Engine,
    conversation_id: UUID,
    keep: Literal["domiq", "resman"],
    *,
    by: str | None = None,
    dry_run: bool = False,
) -> None:
    """Lets one side win, which goes on record with `by`. ResMan's status is applied at once; DomIQ's goes out
    with the next push. With `dry_run` it is only found out whether it can be done.

    Raises NoSuchConflict (also where the sides have moved on since: what there is to decide has changed),
    CannotEnforce.
    """
    with engine.connect() as connection:
        property_id = connection.scalar(QUERIES.property_of_conflict, {"conversation_id": conversation_id})
        integrations = load_integrations(connection, property_ids=[property_id], enabled_only=False)
    if property_id is None:
        raise NoSuchConflict(f"There is no open conflict for conversation {conversation_id}.")
    if not integrations:
        raise CannotEnforce("The property is not connected any more: connect it, or leave the conflict.")
    (integration,) = integrations
    try:
        _decide(engine, integration, conversation_id, keep, by, dry_run)
    except _MovedOn as moved:
        if not dry_run:
            apply_property(engine, integration, conversation_id=conversation_id)
        raise NoSuchConflict(str(moved)) from None
    if not dry_run:
        apply_property(engine, integration, conversation_id=conversation_id)


class _MovedOn(Exception):
    """The conflict does not show the two sides as they are."""


def _decide(
    engine: Engine,
    integration: Integration,
    conversation_id: UUID,
    keep: Literal["domiq", "resman"],
    by: str | None,
    dry_run: bool,
) -> None:
    with engine.begin() as connection:
        row = connection.execute(QUERIES.lock_conflict, {"conversation_id": conversation_id}).first()
        if row is None:
            raise NoSuchConflict(f"There is no open conflict for conversation {conversation_id}.")
        # From here on no worker can claim one of its changes.
        connection.execute(INBOUND.lock_lane, {"conversation_id": conversation_id})
        _check(row, integration, keep)
        if dry_run:
            return
        values = {**row._mapping, "by": by, "resolution": f"a person decided: {keep}"}
        # Before the pair: what waited for a person must not find the conflict gone and the pair as it was.
        connection.execute(INBOUND.close_conflict, values)
        if keep == "domiq":
            agreed = {"domiq_status": None, "resman_status": row.resman_status}
            connection.execute(INBOUND.wake_lane, values)
        else:
            agreed = {"domiq_status": row.domiq_status, "resman_status": ""}
            explanation = {
                "outcome": "superseded",
                "reason": "a person decided for ResMan's status",
                "decided_by": by,
            }
            connection.execute(INBOUND.supersede_open, {**values, "explanation": json.dumps(explanation)})
        connection.execute(QUERIES.count_as_agreed, {**values, **agreed})


def _check(row: Row[Any], integration: Integration, keep: str) -> None:
    if row.under_way:
        raise NoSuchConflict("A change of this conversation is on its way to ResMan: try again in a minute.")
    if (row.domiq_status, row.resman_status) != (row.shown_domiq_status, row.shown_resman_status):
        raise _MovedOn(
            f"The two sides have moved on since the conflict was listed: DomIQ shows {row.domiq_status}, "
            f"ResMan {row.resman_status}. Look again with domiq-sync conflicts."
        )
    if not (integration.outbound if keep == "domiq" else integration.inbound):
        raise CannotEnforce(
            f"The property's settings do not let {'DomIQ' if keep == 'domiq' else 'ResMan'}'s status across: "
            "change its direction, or enable it, with domiq-sync connect."
        )
    if keep == "domiq" and row.lead_status and not enforceable(row.resman_status, row.lead_status):
        raise CannotEnforce(
            f"ResMan shows {row.resman_status}, which cannot be undone from DomIQ: keep resman, or have "
            "it changed in ResMan."
        )
