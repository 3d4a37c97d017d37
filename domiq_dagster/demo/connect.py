"""Connecting the demo's properties: which one is which at ResMan, and what their managers set up then."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, text

SPECIAL_POLICIES: Final = ("manual_review", "furthest_progress", "domiq_wins")
_EVERY_NTH: Final = 3
_NOTIFIED_STATUSES: Final = ("qualified", "tour_scheduled", "application", "lost")


@dataclass(frozen=True, slots=True)
class Connection:
    """A DomIQ property and the ResMan property that it is."""

    property_id: UUID
    resman_account_id: str
    resman_property_id: str


def company_name(account_id: str) -> str:
    """The DomIQ company that stands for a ResMan account."""
    return f"Example Residential {account_id}"


def connections(engine: Engine, state: Mapping[str, Any]) -> list[Connection]:
    """The pairs, found by company and name, in the order of the stand-in's properties.

    Raises LookupError for a property of the stand-in that DomIQ has not.
    """
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT c.name AS company, p.name, p.id FROM public.property p "
                "JOIN public.company c ON c.id = p.company_id"
            )
        )
        ours = {(row.company, row.name): row.id for row in rows}
    pairs = []
    for record in state["properties"]:
        key = company_name(record["accountId"]), record["name"]
        if key not in ours:
            raise LookupError(f"DomIQ has no property {record['name']} of account {record['accountId']}")
        pairs.append(Connection(ours[key], record["accountId"], record["propertyId"]))
    return pairs


def connect_all(engine: Engine, pairs: Sequence[Connection]) -> None:
    """Connects the properties with three values each, then gives three of them (fewer where there are not
    so many) a conflict policy of their own, and every one in-app notices for its managers."""
    if not pairs:
        return
    chosen = pairs[1::_EVERY_NTH]
    policies = [
        {"property_id": pair.property_id, "policy": policy}
        for pair, policy in zip(chosen, SPECIAL_POLICIES, strict=False)
    ]
    preferences = [
        {"property_id": pair.property_id, "status": status, "recipients": json.dumps(["property_manager"])}
        for pair in pairs
        for status in _NOTIFIED_STATUSES
    ]
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id) "
                "VALUES (:property_id, :resman_account_id, :resman_property_id)"
            ),
            [asdict(pair) for pair in pairs],
        )
        if policies:
            connection.execute(
                text(
                    "UPDATE domiq_sync.integration SET conflict_policy = :policy "
                    "WHERE property_id = :property_id"
                ),
                policies,
            )
        connection.execute(
            text(
                "INSERT INTO public.status_notification_preferences "
                "(property_id, status_type, notification_method, recipients) "
                "VALUES (:property_id, :status, 'in_app', CAST(:recipients AS jsonb))"
            ),
            preferences,
        )
