"""ResMan's accounts, as a person looks at them: which are paused, why and until when; and opening one now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.operator_actions import Deciding, record

QUERIES = load_queries(__package__, "accounts.sql")


@dataclass(frozen=True, slots=True)
class Account:
    """How one account stands.

    Attributes:
        properties: how many of its properties are switched on.
        state: `open`; `paused`; `to be tried`: its pause is over, and the next request tells; `catching up`:
            it answers again, and is asked slowly at first.
        reason: of the pause, as the kind of an error.
        failures: outages in a row.
        pace_seconds: the least time between two requests.
        at_once: how many requests may be under way at a time.
        pull_budget: requests a second that workers may ask of it for pulls.
    """

    account_id: str
    properties: int
    state: str
    paused_until: datetime | None
    reason: str | None
    failures: int
    pace_seconds: float
    at_once: int
    pull_budget: float


def list_accounts(connection: Connection) -> list[Account]:
    """Every account that a property was connected with, in order."""
    return rows_as(Account, connection.execute(QUERIES.listed))


def open_account(
    connection: Connection, account_id: str, *, by: str | None = None, why: str | None = None
) -> str | None:
    """Ends the pause of an account, on record with `by` and `why`; the caller commits. The next request
    there shows whether it answers.

    Returns:
        Why it was paused; None where it was not.
    """
    reason: str | None = connection.scalar(QUERIES.open, {"a": account_id})
    if reason is not None:
        record(
            connection, Deciding.OPEN_ACCOUNT, by, why, details={"account": account_id, "was_paused": reason}
        )
    return reason
