"""Connecting a property: storing which ResMan property it is, with the settings that the user gives."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.operator_actions import Deciding, record

SETTINGS = (
    "sync_enabled",
    "sync_direction",
    "conflict_policy",
    "agent_id",
    "source_id",
    "lost_reason_id",
    "time_zone",
    "tour_times",
    "partition_key",
)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What Dagster, its URLs and a shell all take as it is."""
_IDS = frozenset({"agent_id", "source_id", "lost_reason_id"})


class CannotConnect(Exception):
    """The property or a setting is wrong; the text says which and what to do."""


def connect_property(
    engine: Engine,
    property_id: UUID,
    account_id: str,
    resman_property_id: str,
    *,
    dry_run: bool = False,
    by: str | None = None,
    why: str | None = None,
    **settings: Any,
) -> Integration:
    """Connects a property, or changes its settings where it is connected already. Settings that are None
    stay as they are; what is still open is filled from ResMan at the first pass. One that is connected to
    another property at ResMan begins anew there, see `note_switching` in sql/102_properties.sql.

    Args:
        dry_run: nothing stays; what is returned is how it would be.
        by: who connects it, for the record; and why.

    Raises:
        CannotConnect: the property or a setting is wrong.
    """
    given = {k: canonical_id(v) if k in _IDS else v for k, v in settings.items() if v is not None}
    unknown = set(given) - set(SETTINGS)
    if unknown:
        raise CannotConnect(f"Unknown setting: {', '.join(sorted(unknown))}.")
    _check_zone(given.get("time_zone"))
    if not _KEY.fullmatch(given.get("partition_key", "key")):
        raise CannotConnect(
            "A partition key is made of letters, digits, hyphens, dots and underscores, 100 at most."
        )
    columns = ["property_id", "resman_account_id", "resman_property_id", *given]
    updates = ", ".join(f"{c} = EXCLUDED.{c}" for c in columns[1:])
    statement = (
        f"INSERT INTO domiq_sync.integration ({', '.join(columns)}) "
        f"VALUES ({', '.join(':' + c for c in columns)}) "
        f"ON CONFLICT (property_id) DO UPDATE SET {updates}"
    )
    values = {
        "property_id": property_id,
        "resman_account_id": account_id,
        "resman_property_id": canonical_id(resman_property_id),
        **given,
    }
    try:
        with engine.begin() as connection:
            known = connection.scalar(
                text("SELECT count(*) FROM public.property WHERE id = :p"), {"p": property_id}
            )
            if not known:
                raise CannotConnect(f"DomIQ has no property {property_id}: give an id of table property.")
            if by is not None:
                # Whoever ends a pause by it is on record as well, by the trigger.
                connection.execute(text("SELECT set_config('domiq_sync.actor', :by, true)"), {"by": by})
            connection.execute(text(statement), values)
            if _IDS & set(given):
                # Of a property that moves at ResMan the database clears the old place's ids: what is given
                # stays, also where it is what the old place called it.
                connection.execute(text(statement), values)
            (integration,) = load_integrations(connection, property_ids=[property_id], enabled_only=False)
            record(
                connection,
                Deciding.CONNECT,
                by,
                why,
                property_id=property_id,
                details={
                    "account": account_id,
                    "resman_property_id": integration.resman_property_id,
                    **given,
                },
            )
            if dry_run:
                connection.rollback()
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        raise CannotConnect(_explain(name)) from None
    return integration


def _check_zone(zone: str | None) -> None:
    if zone is None:
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CannotConnect(
            f"'{zone[:80]}' is no time zone: give an IANA name such as America/Chicago."
        ) from None


def _explain(constraint: str) -> str:
    if "sync_direction" in constraint:
        return "The direction must be both, to_resman or from_resman."
    if "conflict_policy" in constraint:
        return "The policy must be resman_wins, domiq_wins, furthest_progress or manual_review."
    if "tour_times" in constraint:
        return "Tour times are local (by the property's clock) or utc."
    if "partition_key" in constraint:
        return "Another property has this partition key already: choose another."
    if "resman_property_id" in constraint and "check" not in constraint:
        return "Another DomIQ property is connected to this ResMan property already."
    return "The settings were refused by the database: account and ResMan property must not be empty."
