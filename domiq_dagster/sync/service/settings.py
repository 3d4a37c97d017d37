"""The settings of the properties that the service meets, read as it goes and again after a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.sync.delivery.draining import PropertySettings
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.status_map import load_status_map
from domiq_dagster.sync.trouble import PropertyFaults

KEPT_SECONDS = 10.0
"""How old a setting may be by which a change is delivered. That a property is switched off holds at once: the
database does not call its changes due."""
_FAULTS_KNOWN_SECONDS = 60.0


class SettingsCache:
    """`delivery.draining.SettingsOf`, for threads side by side."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock
        self._lock = threading.Lock()
        self._faults, self._faults_since = PropertyFaults(engine, "status map"), clock()
        self._kept: dict[UUID, tuple[float, PropertySettings | None]] = {}

    def __call__(self, connection: Connection, property_id: UUID) -> PropertySettings | None:
        """Reads on `connection`, and commits."""
        now = self._clock()
        read_at, settings = self._kept.get(property_id, (None, None))
        if read_at is None or now - read_at > KEPT_SECONDS:
            settings = self._read(connection, property_id)
            with self._lock:
                self._kept[property_id] = now, settings
        return settings

    def names(self) -> dict[UUID, str]:
        """The partition keys of those that were met."""
        with self._lock:
            return {p: s.integration.partition_key for p, (_, s) in self._kept.items() if s is not None}

    def _read(self, connection: Connection, property_id: UUID) -> PropertySettings | None:
        found = load_integrations(connection, property_ids=[property_id])
        connection.commit()
        for integration in found:
            with self._known_faults().of(property_id, integration.partition_key), connection.begin():
                return PropertySettings(integration, load_status_map(connection, property_id))
        return None

    def _known_faults(self) -> PropertyFaults:
        """What is known of properties in trouble, which it reads once and not for each property."""
        now = self._clock()
        with self._lock:
            if now - self._faults_since > _FAULTS_KNOWN_SECONDS:
                self._faults, self._faults_since = PropertyFaults(self._engine, "status map"), now
            return self._faults
