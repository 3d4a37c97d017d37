"""Session-level advisory locks that a cancelled wait does not leave behind.

A wait that lock_timeout cancels may have been granted its lock in that very moment. PostgreSQL undoes locks
of the transaction then, but none of the session: a pooled session would keep it for as long as it lives.
"""

from __future__ import annotations

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db import direct

_LOCK = text("SELECT pg_advisory_lock(hashtextextended(:key, 0))")
_TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))")
# Only what is held is unlocked: of anything else the server's log would complain.
_UNLOCK = text(
    "SELECT count(pg_advisory_unlock(hashtextextended(:key, 0))) FROM pg_locks "
    "WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND objsubid = 1 "
    "AND (CAST(classid AS bigint) << 32 | CAST(objid AS bigint)) = hashtextextended(:key, 0)"
)


def lock(connection: Connection, key: str) -> bool:
    """Waits for a lock, at most for the session's lock_timeout.

    Where it has not come, the transaction was rolled back. Where an error passes (or Ctrl-C), nobody can tell
    whether it has: then the session is thrown away, which lets go of whatever it holds.

    Returns:
        Whether the session has it now.
    """
    try:
        direct.fetch(connection, _LOCK, {"key": key})
        return True
    except BaseException as error:
        if not (isinstance(error, DBAPIError) and isinstance(error.orig, LockNotAvailable)):
            connection.invalidate()
            raise
    connection.rollback()
    unlock(connection, key)
    return False


def try_lock(connection: Connection, key: str) -> bool:
    """Takes a lock where it is free.

    Returns:
        Whether the session has it now.
    """
    return bool(direct.fetch(connection, _TRY_LOCK, {"key": key})[0][0])


def unlock(connection: Connection, key: str) -> None:
    """Lets a lock go; nothing where the session does not hold it."""
    connection.execute(_UNLOCK, {"key": key})
