"""Grants: the endpoints that ResMan has not granted this integration partner, at which account and property.

ResMan grants each endpoint by itself, and refuses one that it has not granted. That is a person's to mend,
there and in days. So a refusal is noted as a trouble of kind `grant` at each property that it is about, the
account's gate keeps further requests to that endpoint in for 15 minutes, and what waits stays pending. As
soon as the endpoint answers, the note goes and what waited goes on. It holds for one endpoint at one
property: whatever else is asked goes its way.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.config import Endpoint
from domiq_dagster.resman.errors import NotEntitled
from domiq_dagster.sync import patience, trouble

QUERIES = load_queries(__package__, "grants.sql")
WHOM_TO_ASK = "ResMan's partner integrations team"
SPARE = frozenset({"GET /Employees"})
"""Endpoints that the sync does without where they are not granted: nobody is to do anything."""
_KNOWN_SECONDS = 10.0
_MOST_NAMES = 5

OnGranted = Callable[[Connection, Collection[UUID]], None]
"""Told at which properties what waited for a grant may go on; the connection commits each statement."""


class NotGranted(NotEntitled):
    """The endpoint was refused a short time ago for want of a grant: nothing was asked.

    `retry_after` tells the seconds until it is asked again.
    """


@dataclass(frozen=True, slots=True)
class MissingGrant:
    """An endpoint that ResMan has not granted, at one property that is switched on."""

    property_id: UUID
    partition_key: str
    account_id: str
    key: str
    sentence: str
    since: datetime

    @property
    def endpoint(self) -> str:
        """In ResMan's own name."""
        return self.key.removeprefix(f"{self.account_id} ")


class Grants:
    """What one gate knows of grants, for any number of threads.

    Args:
        pause: for how many seconds a refused endpoint is not asked; 0: it is asked all the same.
        on_granted: called when an endpoint answers that was refused before.
    """

    def __init__(
        self, pause: float, on_granted: OnGranted, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pause = pause
        self._on_granted = on_granted
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[bool, float]] = {}

    def require(self, connection: Connection, account_id: str, endpoint: Endpoint | None) -> None:
        """Raises NotGranted where the endpoint was refused a short time ago."""
        if endpoint is None or self._pause <= 0 or not self._lacks_any(connection, account_id):
            return
        seconds = seconds_kept_in(connection, account_id, endpoint, self._pause)
        if seconds > 0:
            raise NotGranted(
                f"ResMan has not granted {endpoint.name} at account {account_id}: nothing was asked, it is "
                f"asked again in {seconds:.0f} s",
                retry_after=seconds,
            )

    def refused(
        self, connection: Connection, account_id: str, endpoint: Endpoint | None, error: NotEntitled
    ) -> None:
        """Notes that ResMan refused an endpoint for want of a grant. Whoever asked is to wait as long as the
        gate keeps others in."""
        if endpoint is None or endpoint.name in SPARE:
            return
        about = _properties_asked_about(connection, account_id, endpoint)
        if not about:
            return  # of a property that is not connected yet
        trouble.note_at(
            connection,
            trouble.GRANT,
            about,
            key_of(account_id, endpoint.name),
            _said(account_id, endpoint.name),
        )
        self._learn(account_id, lacks_any=True)
        if error.retry_after is None and self._pause > 0:
            error.retry_after = self._pause

    def answered(self, connection: Connection, account_id: str, endpoint: Endpoint | None) -> None:
        """An endpoint answered, so it is granted. Others that wait for it are then asked at once: mostly it
        was granted for the whole account."""
        if endpoint is None or not self._lacks_any(connection, account_id):
            return
        about, key = (
            _properties_asked_about(connection, account_id, endpoint),
            key_of(account_id, endpoint.name),
        )
        granted = trouble.clear_at(connection, trouble.GRANT, about, key)
        if granted:
            others = trouble.take_back(connection, trouble.GRANT, patience.GRANT, property_ids=None, key=key)
            self._on_granted(connection, [*granted, *others])

    def _lacks_any(self, connection: Connection, account_id: str) -> bool:
        """Whether any endpoint of the account was refused. Asked seldom: nearly always none was."""
        with self._lock:
            lacks, until = self._known.get(account_id, (False, -math.inf))
        if self._clock() < until:
            return lacks
        return self._learn(
            account_id, lacks_any=bool(connection.scalar(QUERIES.lacks_any, {"a": account_id}))
        )

    def _learn(self, account_id: str, *, lacks_any: bool) -> bool:
        with self._lock:
            self._known[account_id] = (lacks_any, self._clock() + _KNOWN_SECONDS)
        return lacks_any


def key_of(account_id: str, endpoint: str) -> str:
    """The key of the record of an endpoint that is not granted."""
    return f"{account_id} {endpoint}"


def seconds_kept_in(
    connection: Connection, account_id: str, endpoint: Endpoint, pause: float = patience.GRANT
) -> float:
    """For how many seconds more an endpoint is not asked, since it was refused; 0: it may be."""
    values = {**_about(account_id, endpoint), "key": key_of(account_id, endpoint.name), "pause": pause}
    return max(0.0, connection.scalar(QUERIES.kept_in_for, values) or 0.0)


def missing_grants(
    connection: Connection, property_ids: Collection[UUID] | None = None
) -> list[MissingGrant]:
    """The endpoints that are not granted at these properties, or at all that are switched on."""
    ids = None if property_ids is None else list(property_ids)
    return rows_as(MissingGrant, connection.execute(QUERIES.missing, {"property_ids": ids}))


def by_endpoint(missing: Sequence[MissingGrant]) -> list[tuple[MissingGrant, str]]:
    """Of each endpoint and account the first of its grants that are missing, and a sentence: what is not
    granted, whom to ask, at which properties and since when."""
    by_key: dict[str, list[MissingGrant]] = {}
    for grant in missing:
        by_key.setdefault(grant.key, []).append(grant)
    return [
        (
            found[0],
            f"{found[0].sentence} ({_named(found)}, since {min(g.since for g in found):%Y-%m-%d %H:%M %Z})",
        )
        for _, found in sorted(by_key.items())
    ]


def sentences(missing: Sequence[MissingGrant]) -> list[str]:
    """The sentences of `by_endpoint`."""
    return [said for _, said in by_endpoint(missing)]


def ask_at_once(connection: Connection, property_ids: Collection[UUID] | None) -> list[UUID]:
    """Has what was refused asked at the next occasion. Returns the properties at which it was."""
    return trouble.take_back(connection, trouble.GRANT, patience.GRANT, property_ids=property_ids, key=None)


def not_needed(connection: Connection, property_id: UUID, account_id: str, endpoint: str) -> None:
    """Nobody will ask this endpoint about the property again."""
    trouble.clear_at(connection, trouble.GRANT, [property_id], key_of(account_id, endpoint))


def _said(account_id: str, endpoint: str) -> str:
    return (
        f"{NotEntitled.kind}: ResMan has not granted this integration partner {endpoint} at account "
        f"{account_id}: ask {WHOM_TO_ASK} to enable it for this partner and account"
    )


def _named(found: Sequence[MissingGrant]) -> str:
    keys = [grant.partition_key for grant in found]
    more = f" and {len(keys) - _MOST_NAMES} more" if len(keys) > _MOST_NAMES else ""
    return ", ".join(keys[:_MOST_NAMES]) + more


def _about(account_id: str, endpoint: Endpoint) -> dict[str, str | None]:
    return {"a": account_id, "p": endpoint.property_id}


def _properties_asked_about(connection: Connection, account_id: str, endpoint: Endpoint) -> list[UUID]:
    """The connected property that it is about, or all of the account."""
    return list(connection.scalars(QUERIES.asked_about, _about(account_id, endpoint)))
