"""Incidents as the tables keep them: reading those that may go on, writing what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.alerts.cases import Subject
from domiq_dagster.sync.alerts.incidents import Incident, Phase
from domiq_dagster.sync.alerts.texts import AlertText

QUERIES = load_queries(__package__, "store.sql")


@dataclass(frozen=True, slots=True)
class StoredIncident:
    """An incident with its row.

    Attributes:
        id: of the alert, in `domiq_sync.alert`.
        transitions: how many are in its history.
        figures: as people were last notified of.
    """

    id: UUID
    incident: Incident
    transitions: int
    figures: Mapping[str, Any]


def lock(connection: Connection) -> None:
    """Waits until no other evaluation is under way, and keeps others out until the transaction ends."""
    connection.execute(QUERIES.lock)


def load_incidents(connection: Connection, closed_since: datetime) -> dict[Subject, StoredIncident]:
    """Reads each subject's incident that is not closed, or, where there is none, the last that was closed
    since then."""
    rows = connection.execute(QUERIES.incidents, {"closed_since": closed_since})
    return {
        Subject(row.property_id, row.kind): StoredIncident(
            row.id,
            Incident(
                phase=Phase(row.phase),
                opened_at=row.opened_at,
                suspected_at=row.suspected_at,
                notified_at=row.told_at,
                good_since=row.good_since,
                closed_at=row.closed_at,
                reopened=row.reopened,
                scope=frozenset(row.scope),
            ),
            row.turns,
            row.figures,
        )
        for row in rows
    }


def add_incident(
    connection: Connection,
    subject: Subject,
    incident: Incident,
    transitions: int,
    figures: Mapping[str, Any],
) -> UUID:
    """Stores an incident that has just begun. Returns the alert's id."""
    values = {"property_id": subject.property_id, "kind": subject.kind}
    alert_id: UUID = connection.execute(
        QUERIES.add, {**values, **_columns(incident, transitions, figures)}
    ).scalar_one()
    return alert_id


def update_incident(connection: Connection, stored: StoredIncident) -> None:
    """Stores how an incident has gone on."""
    columns = _columns(stored.incident, stored.transitions, stored.figures)
    connection.execute(QUERIES.update, {**columns, "id": stored.id})


def delete_incident(connection: Connection, alert_id: UUID) -> None:
    """Deletes an incident of which nobody was notified."""
    connection.execute(QUERIES.delete, {"id": alert_id})


def record_transition(
    connection: Connection, alert_id: UUID, number: int, transition: str, at: datetime, text: AlertText
) -> None:
    """Adds a transition to the history of an alert, with the words of its notice."""
    connection.execute(
        QUERIES.record_transition,
        {
            "alert_id": alert_id,
            "n": number,
            "turn": transition,
            "said_at": at,
            "subject": text.subject,
            "body": text.body,
        },
    )


def _columns(incident: Incident, transitions: int, figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "figures": json.dumps(figures),
        "phase": incident.phase.value,
        "opened_at": incident.opened_at,
        "suspected_at": incident.suspected_at,
        "told_at": incident.notified_at,
        "good_since": incident.good_since,
        "closed_at": incident.closed_at,
        "reopened": incident.reopened,
        "turns": transitions,
        "scope": sorted(incident.scope),
    }
