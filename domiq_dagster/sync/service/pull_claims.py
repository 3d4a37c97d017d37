"""Claims of pulls: whose a property is while it is pulled, and what of an account's budget is used up.

Workers on any machine choose in the database, one at a time an account: whoever chooses locks the account's
pace, and the others pass on. What is claimed stays so while its worker renews the claim; one whose worker
died runs out. Two pulls of one property side by side would do no harm (the later begun wins), so no later
write is held against the claim.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Engine

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync import patience
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.service.pull_order import (
    OrderRules,
    PropertyFacts,
    choose,
    expected_seconds,
    free_after,
)

QUERIES = load_queries(__package__, "pull_claims.sql")
_CHOSEN_ELSEWHERE = 0.5
"""In how many seconds an account is looked at again for which another worker chooses just now."""
_MOST_EDITS = 5
"""So many leads of one pull count as edits: a clerk's import says little of the hours after it."""


@dataclass(frozen=True, slots=True)
class PullAccount:
    """An account that may be asked for pulls.

    Attributes:
        new: how many of its properties were never pulled.
        oldest: seconds since the pull of the one that has waited for longest; None: none was pulled.
    """

    account_id: str
    new: int
    oldest: float | None


@dataclass(frozen=True, slots=True)
class PullClaim:
    """A property that is ours to pull.

    Attributes:
        budget: requests a second that its account is asked.
        expected: how many requests the budget was charged for.
        seconds: for how long it is expected to keep the account's slot; None: nothing is known.
        failures: its pulls that failed in a row.
        must_apply: what earlier pulls brought is applied, whatever this one brings.
    """

    integration: Integration
    budget: float
    expected: int
    seconds: float | None
    failures: int
    must_apply: bool


class AppliedState(StrEnum):
    """Whether what a property's pulls brought is applied: all of it; as far as it was before; not all."""

    YES = "yes"
    AS_BEFORE = "as before"
    OPEN = "open"


class PullClaims:
    """The claims of one worker, for any number of threads.

    Args:
        worker: its name, which no other has.
    """

    def __init__(
        self,
        engine: Engine,
        worker: str,
        rules: OrderRules,
        *,
        lease: float = patience.PULL_LEASE,
        apply_again: float = patience.PULL_FLOOR,
    ) -> None:
        self._engine, self._worker, self.rules = engine, worker, rules
        self._lease, self._apply_again = lease, apply_again

    def accounts(self) -> list[PullAccount]:
        """The accounts that may be asked now."""
        with self._engine.connect() as connection:
            return rows_as(PullAccount, connection.execute(QUERIES.accounts))

    def claim(self, account_id: str, *, quiet_for: float = math.inf) -> PullClaim | float:
        """Claims the property of an account that is to be pulled now; or for how many seconds there is none.

        Args:
            quiet_for: for how long no change has gone out there; 0: one does now.
        """
        with self._engine.begin() as connection:
            pace = connection.execute(QUERIES.lock_pace, {"a": account_id}).first()
            if pace is None:
                connection.execute(QUERIES.first_pace, {"a": account_id})
                pace = connection.execute(QUERIES.lock_pace, {"a": account_id}).first()
            if pace is None:
                return _CHOSEN_ELSEWHERE
            if pace.closed_for > 0:
                return float(pace.closed_for)
            if pace.free_in > 0:
                return float(pace.free_in)
            choice = choose(
                self._facts(connection, account_id),
                budget=pace.budget,
                free_in=pace.free_in,
                rules=self.rules,
                quiet_for=quiet_for,
            )
            chosen = choice.chosen
            if chosen is None:
                return choice.wait
            found = load_integrations(connection, property_ids=[chosen.property_id])
            if not found:  # it was switched off, or is gone, since
                return _CHOSEN_ELSEWHERE
            free_in = free_after(pace.free_in, pace.budget, chosen.requests, self.rules)
            connection.execute(QUERIES.use_budget, {"a": account_id, "free_in": free_in})
            values = {"property_id": chosen.property_id, "worker": self._worker, "lease": self._lease}
            asked = {"property_id": chosen.property_id, "apply_again": self._apply_again}
            earlier = connection.execute(QUERIES.earlier, asked).first()
            connection.execute(QUERIES.claim, values)
            failures, must_apply, seconds = (0, True, None) if earlier is None else earlier
            return PullClaim(found[0], pace.budget, chosen.requests, seconds, failures, must_apply)

    def _facts(self, connection: Connection, account_id: str) -> list[PropertyFacts]:
        weights = self.rules.weights
        values = {"a": account_id, "memory": weights.memory, "many": weights.many_deliveries}
        now = datetime.now(UTC)
        return [
            PropertyFacts(
                property_id=row.property_id,
                since_pull=row.since_pull,
                rests_for=row.rests_for,
                open_deliveries=row.open_deliveries,
                edits=row.edits,
                local_hour=local_hour(row.time_zone, now),
                requests=row.requests,
                seconds=row.seconds or 0.0,
            )
            for row in connection.execute(QUERIES.facts, values)
        ]

    def renew(self, property_ids: Collection[UUID]) -> None:
        """Has the claims of these properties last longer."""
        values = {"worker": self._worker, "lease": self._lease, "property_ids": list(property_ids)}
        with self._engine.begin() as connection:
            connection.execute(QUERIES.renew, values)

    def release(
        self,
        claim: PullClaim,
        *,
        made: int,
        failures: int,
        applied: AppliedState,
        took: float | None = None,
        rest: float = 0.0,
        edits: int = 0,
    ) -> None:
        """Gives a property back, and corrects what its pull took of the budget.

        Args:
            made: how many requests it made.
            failures: its pulls that failed in a row by now.
            took: for how long it kept the account's slot; None: that says nothing of the next one.
            rest: for how many seconds the property is left alone.
            edits: how many leads it found changed.
        """
        values = {
            "property_id": claim.integration.property_id,
            "worker": self._worker,
            "failures": failures,
            "rest": rest,
            "requests": made if made and not failures else None,
            "seconds": None if took is None else expected_seconds(claim.seconds, took),
            "news": float(min(edits, _MOST_EDITS)),
            "memory": self.rules.weights.memory,
            "applied": applied.value,
        }
        seconds = (made - claim.expected) / claim.budget
        with self._engine.begin() as connection:
            if seconds:  # in the order in which a claim locks them
                account = claim.integration.account_id
                connection.execute(QUERIES.correct_budget, {"a": account, "seconds": seconds})
            connection.execute(QUERIES.release, values)


def rest_after(failures: int, floor: float) -> float:
    """For how many seconds a property is left alone whose pulls have failed so often in a row: half a minute,
    twice as long each time, and at most the floor."""
    return min(floor, 30.0 * 2.0 ** min(failures - 1, 16)) if failures > 0 else 0.0


def local_hour(time_zone: str | None, now: datetime) -> int | None:
    """The hour at a property; None where its zone is not known.

    Args:
        now: aware.
    """
    if not time_zone:
        return None
    try:
        return now.astimezone(ZoneInfo(time_zone)).hour
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
