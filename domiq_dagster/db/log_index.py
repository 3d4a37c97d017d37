"""The index on conversation_id of status_sync_log, which goes beyond the contract: without it, each
conversation that DomIQ deletes reads the whole log for the rows that go with it.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import is_lost_session

LOG_INDEX = "idx_status_sync_log_conversation"
LOG_INDEX_SQL = (
    f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {LOG_INDEX} ON public.status_sync_log (conversation_id)"
)
_DROP = f"DROP INDEX CONCURRENTLY IF EXISTS public.{LOG_INDEX}"
# Not for this index alone: an installation may have one of its own that does as well.
_THERE = text("""
SELECT i.indisvalid FROM pg_index i
WHERE i.indrelid = 'public.status_sync_log'::regclass AND i.indpred IS NULL
  AND i.indkey[0] = (SELECT a.attnum FROM pg_attribute a
                     WHERE a.attrelid = i.indrelid AND a.attname = 'conversation_id')
ORDER BY i.indisvalid DESC LIMIT 1""")
_ALONE = text("SELECT pg_try_advisory_lock(hashtextextended('domiq_sync.log_index', 0))")
_DONE = text("SELECT pg_advisory_unlock(hashtextextended('domiq_sync.log_index', 0))")
_WAIT_SECONDS = 60


def ensure_log_index(engine: Engine, *, wait_seconds: float = _WAIT_SECONDS) -> str | None:
    """Makes the index unless one is there, while others go on writing. It waits for transactions that were
    open before, and what was begun and not finished is made anew.

    Returns:
        Why it could not be made; None: it is there.

    Raises:
        DBAPIError: the database is gone.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        valid = connection.scalar(_THERE)
        if valid:
            return None
        if not connection.scalar(_ALONE):
            return "another migrate is making it"
        try:
            connection.execute(text(f"SET lock_timeout = {round(wait_seconds * 1000)}"))
            connection.execute(text("SET statement_timeout = 0"))
            return _make(connection, anew=valid is not None)
        finally:
            if not connection.invalidated:
                connection.execute(_DONE)
            connection.invalidate()  # its timeouts are nobody else's


def _make(connection: Connection, *, anew: bool) -> str | None:
    try:
        if anew:
            connection.exec_driver_sql(_DROP)
        connection.exec_driver_sql(LOG_INDEX_SQL)
    except DBAPIError as error:
        if is_lost_session(error):
            raise
        state = getattr(error.orig, "sqlstate", None)
        if state == "55P03":
            return "a transaction that was open before has not ended"
        return f"the database refused it (SQLSTATE {state})"
    return None
