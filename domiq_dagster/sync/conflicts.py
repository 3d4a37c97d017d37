"""Conflicts that a person decides (manual_review): listing them and carrying out the decision."""

from __future__ import annotations

import json
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decide import enforceable
from domiq_dagster.sync.inbound import apply_property
from domiq_dagster.sync.integrations import load_integrations

_QUERIES = load_queries(__package__, "conflicts.sql")
_INBOUND = load_queries(__package__, "inbound.sql")


class NoSuchConflict(Exception):
    """There is no open conflict for that conversation, or its change is on its way just now."""


class CannotEnforce(NoSuchConflict):
    """DomIQ's status cannot be brought about at ResMan."""


def open_conflicts(connection: Connection) -> list[dict[str, Any]]:
    """The open ones, oldest first."""
    return [dict(r._mapping) for r in connection.execute(text(_QUERIES["open_conflicts"]))]


def resolve(
    engine: Engine, conversation_id: UUID, keep: Literal["domiq", "resman"], *, dry_run: bool = False
) -> None:
    """Lets one side win. ResMan's status is applied at once; DomIQ's goes out with the next push. With
    `dry_run` it is only found out whether it can be done.

    Raises NoSuchConflict, CannotEnforce.
    """
    with engine.begin() as connection:
        row = connection.execute(
            text(_QUERIES["lock_conflict"]), {"conversation_id": conversation_id}
        ).first()
        if row is None:
            raise NoSuchConflict(f"There is no open conflict for conversation {conversation_id}.")
        if row.under_way:
            raise NoSuchConflict(
                "A change of this conversation is on its way to ResMan: try again in a minute."
            )
        values = dict(row._mapping)
        if keep == "domiq" and row.lead_status and not enforceable(row.resman_status, row.lead_status):
            raise CannotEnforce(
                f"ResMan shows {row.resman_status}, which cannot be undone from DomIQ: keep resman, or have "
                "it changed in ResMan."
            )
        if dry_run:
            return
        if keep == "domiq":
            agreed = {"domiq_status": None, "resman_status": row.resman_status}
            connection.execute(text(_QUERIES["wake_lane"]), values)
        else:
            agreed = {"domiq_status": row.domiq_status, "resman_status": ""}
            explanation = {"outcome": "superseded", "reason": "a person decided for ResMan's status"}
            connection.execute(
                text(_INBOUND["supersede_open"]), {**values, "explanation": json.dumps(explanation)}
            )
        connection.execute(text(_QUERIES["count_as_agreed"]), {**values, **agreed})
        connection.execute(
            text(_INBOUND["close_conflict"]), {**values, "resolution": f"a person decided: {keep}"}
        )
        (integration,) = load_integrations(connection, property_ids=[row.property_id], enabled_only=False)
    apply_property(engine, integration, conversation_id=conversation_id)
