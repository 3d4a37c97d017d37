"""Property names: what a property is called where people read of it, its partition key where it has one."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.sync.integrations import load_integrations

NO_PROPERTY = "(none)"
NOT_CONNECTED = "(not connected)"


class PropertyNames:
    """Partition keys of all connected properties, enabled or not, as they are now."""

    def __init__(self, connection: Connection) -> None:
        self._keys = {
            i.property_id: i.partition_key for i in load_integrations(connection, enabled_only=False)
        }

    def name(self, property_id: UUID | None) -> str:
        """The partition key, or that there is none."""
        return NO_PROPERTY if property_id is None else self._keys.get(property_id, NOT_CONNECTED)
