"""The locks that keep two workers from creating one person twice: their conversations are lanes of their own,
and may belong to two user rows."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from domiq_dagster.sync import patience

_WAIT_A_LITTLE = text(f"SET LOCAL lock_timeout = '{round(patience.PERSON_WAIT)}s'")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_STILL_HERE = text("SELECT 1")


class PersonLock:
    """One search-and-create at a time for one person at one property: for the user, and for what the person
    is recognised by.

    Whoever takes the user's lock does so first, and several are taken in the order of their names: two
    workers never wait for each other.

    They are of a transaction in a session of its own, which does nothing else: if its worker stands still,
    PostgreSQL ends the session after `IDLE_IN_TRANSACTION_SECONDS`, and others go on. So whoever has them
    says before each request that it is still here, and goes no further where it is not.
    """

    def __init__(self, connection: Connection, property_id: UUID) -> None:
        self._connection = connection
        self._property_id = property_id
        self._session: Connection | None = None
        self._taken: set[str] = set()

    def take(self, user_id: UUID | None) -> bool:
        """Takes the user's lock, unless it is had already or there is nobody to lock. Commits.

        Returns:
            False where another worker has had it for some seconds. Then none is had any more.
        """
        return user_id is None or self._take([str(user_id)])

    def take_contact(self, keys: Iterable[str]) -> bool:
        """The same of all that a person is recognised by (`lookup_keys.person_keys`)."""
        return self._take([f":{key}" for key in sorted(keys)])

    def _take(self, names: list[str]) -> bool:
        keys = [f"domiq_sync.person:{self._property_id}{name}" for name in names]
        wanted = [key for key in keys if key not in self._taken]
        if not wanted:
            return True
        self._connection.commit()
        session = self._session or self._connection.engine.connect()
        try:
            session.execute(_WAIT_A_LITTLE)
            for key in wanted:
                session.execute(_LOCK, {"key": key})
        except BaseException as error:
            session.close()
            self._session = None
            self._taken.clear()
            if isinstance(error, DBAPIError) and isinstance(error.orig, LockNotAvailable):
                return False
            raise
        self._session = session
        self._taken.update(wanted)
        return True

    def is_kept(self) -> bool:
        """Whether they are still had, if any was taken. Says that whoever took them is here."""
        if self._session is None:
            return True
        try:
            self._session.execute(_STILL_HERE)
        except (DBAPIError, PendingRollbackError):  # the latter, once it was seen to be gone
            return False
        return True

    def release(self) -> None:
        """Gives back what is had. Whatever the transaction under way wrote is undone."""
        if self._session is not None:
            session, self._session = self._session, None
            self._taken.clear()
            try:
                session.rollback()
            except DBAPIError:
                session.invalidate()  # it was ended, and the locks with it
            session.close()
            self._connection.rollback()
