"""A pooler between us and PostgreSQL: found out, and refused where it gives our session to others.

The sync needs sessions of its own: settings, advisory locks and temporary tables are a session's. A pooler
such as pgbouncer keeps them only with pool_mode=session. Which mode it is in it tells its administrators
alone, so it is tried out.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

from domiq_dagster.db.errors import UnsuitablePooler

_SECOND_CONNECTION_SECONDS = 10.0
_REFUSES_TRANSACTIONS = "statement pooling"
_ROUNDS = 5
"""A busy pooler may give the first connection the same server twice by chance."""


def is_pooled(connection: psycopg.Connection[Any], server_pid: int) -> bool:
    """Whether whoever took the connection is not the server's process that answers on it."""
    return connection.info.backend_pid != server_pid


def refuse_shared_sessions(
    connection: psycopg.Connection[Any], again: Callable[[], psycopg.Connection[Any]], where: str
) -> None:
    """Refuses a pooler that gives a session to others between transactions.

    While a second connection is in a transaction, the first one is asked which process serves it: that must
    be the same one as before, and no other's.

    Args:
        connection: through the pooler, and in no transaction.
        again: makes a second connection like it.
        where: the database, for the sentence.

    Raises:
        UnsuitablePooler: it does so, or has no second connection for us.
    """
    shared = UnsuitablePooler(
        f"The pooler before the database {where} gives our session to others between transactions: set "
        "pool_mode=session for this database, or connect to PostgreSQL itself."
    )
    for _ in range(_ROUNDS):
        ours = _server_of(connection)
        with again() as second:
            second.autocommit = True
            try:
                others = _begin(second, where)
                if others is None or others == ours or _server_of(connection) != ours:
                    raise shared
            finally:
                second.close()


def _server_of(connection: psycopg.Connection[Any]) -> int:
    before, connection.autocommit = connection.autocommit, True
    try:
        row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    finally:
        connection.autocommit = before
    assert row is not None
    return int(row[0])


def _begin(connection: psycopg.Connection[Any], where: str) -> int | None:
    """Begins a transaction, in limited time: a pooler lets a client wait for a free server.

    Returns:
        The server's process; None where transactions are refused.
    """
    session = connection.pgconn
    session.send_query(b"BEGIN; SELECT pg_catalog.pg_backend_pid()")
    until = time.monotonic() + _SECOND_CONNECTION_SECONDS
    found: int | None = None
    while True:
        while session.is_busy():
            ready, _, _ = select.select([session.socket], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise UnsuitablePooler(
                    f"The pooler before the database {where} has no second connection for us: raise its "
                    "default_pool_size to 20 or more, or connect to PostgreSQL itself."
                )
            try:
                session.consume_input()
            except psycopg.OperationalError as error:
                if _REFUSES_TRANSACTIONS in str(error):  # pgbouncer then closes the connection
                    return None
                raise
        result = session.get_result()
        if result is None:
            return found
        if result.status == ExecStatus.TUPLES_OK:
            found = int(result.get_value(0, 0) or b"0")
        elif (
            result.status == ExecStatus.FATAL_ERROR and _REFUSES_TRANSACTIONS.encode() in result.error_message
        ):
            return None
