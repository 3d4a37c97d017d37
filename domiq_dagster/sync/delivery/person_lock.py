"""The lock that keeps two workers from creating one person twice: their conversations are lanes of their
own."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.db import advisory_locks

_WAIT_A_LITTLE = text("SET LOCAL lock_timeout = '5s'")


class PersonLock:
    """One search-and-create at a time for one user at one property. Held by the session until released."""

    def __init__(self, connection: Connection, property_id: UUID) -> None:
        self._connection = connection
        self._property_id = property_id
        self._key: str | None = None

    def take(self, user_id: UUID | None) -> bool:
        """Takes the lock, unless it is had already or there is nobody to lock. Commits.

        Returns:
            False where another worker has had it for some seconds.
        """
        if user_id is None or self._key is not None:
            return True
        key = f"domiq_sync.person:{self._property_id}{user_id}"
        self._connection.execute(_WAIT_A_LITTLE)
        locked = advisory_locks.lock(self._connection, key)
        self._connection.commit()
        if locked:
            self._key = key
        return locked

    def release(self) -> None:
        """Gives the lock back, if it is had. Whatever the transaction under way wrote is undone."""
        if self._key is not None:
            self._connection.rollback()
            advisory_locks.unlock(self._connection, self._key)
            self._connection.commit()
            self._key = None
