"""The session of a dry run: a database session in which everything may be done, and of which nothing
stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine

from domiq_dagster.db.engine import make_engine

_LONGEST_IDLE_MS = 600_000
"""All of it is one transaction, which rests while ResMan is read."""
_MARK = "SAVEPOINT dry_run"
_TO_MARK = "ROLLBACK TO SAVEPOINT dry_run"
_OVER = "RELEASE SAVEPOINT dry_run"


class _DryRunConnection(psycopg.Connection[Any]):
    """One transaction, which is never committed: a commit ends at a savepoint, a rollback goes back to it."""

    begun = False

    def commit(self) -> None:
        if not self.begun:
            super().commit()
        elif self.info.transaction_status is TransactionStatus.INTRANS:
            self.execute(f"{_OVER}; {_MARK}")
        else:
            self.rollback()

    def rollback(self) -> None:
        if not self.begun:
            super().rollback()
        else:
            self.execute(_TO_MARK)


@contextmanager
def dry_run_session(url: str, *, statement_timeout_ms: int = 60_000) -> Iterator[Engine]:
    """An engine on a session of its own, for code that would write: it sees what it wrote, others never do,
    and at the end it is undone. What it wrote is locked until then, so this is for rows that nobody waits
    for. All of it is one session: two connections of the engine are the same one, one at a time.

    Raises:
        DatabaseUnavailable: there is no answer.
    """
    engine = make_engine(
        url,
        application_name="domiq-sync-dry-run",
        statement_timeout_ms=statement_timeout_ms,
        idle_in_transaction_ms=_LONGEST_IDLE_MS,
        session=_DryRunConnection,
    )
    try:
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, _DryRunConnection)
            connection.rollback()
        raw.execute(_MARK)
        raw.begun = True
        yield engine
    finally:
        engine.dispose()
