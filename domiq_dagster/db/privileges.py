"""What a role needs to run the sync: `sql/roles/runtime.sql` grants it, and here is found out what lacks."""

from __future__ import annotations

from psycopg import Error as PsycopgError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "privileges.sql")
SCRIPT = "sql/roles/runtime.sql"
_REFUSED_BY = "aclcheck_error"
"""The function of PostgreSQL's that refuses for want of a grant. A policy, or a RAISE of somebody's trigger,
may have the same SQLSTATE, and is one row's fault."""


def missing_privileges(connection: Connection) -> list[str]:
    """What this role may not do, each as in `INSERT on domiq_sync.attempt`; empty where nothing lacks."""
    if not connection.scalar(QUERIES.may_enter):
        return ["USAGE on schema domiq_sync"]
    return list(connection.scalars(QUERIES.missing))


def is_missing_grant(error: BaseException) -> bool:
    """Whether PostgreSQL refused a statement because the role lacks a grant."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, PsycopgError) and (cause.diag.source_function or "").startswith(_REFUSED_BY)


def what_is_missing(error: BaseException) -> str:
    """What to say of a missing grant. PostgreSQL's own words name a table, a schema or a function."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    assert isinstance(cause, PsycopgError)
    return (
        f"the database role lacks a grant ({cause.diag.message_primary}): have {SCRIPT} run, and see "
        "`domiq-sync doctor`"
    )
