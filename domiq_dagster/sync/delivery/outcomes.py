"""How a delivery may end, and the times and limits that decide it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domiq_dagster.resman.errors import ResManError


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """Times in seconds.

    lease: how long after a worker's last heartbeat another one takes its changes over; it then probes
    before it sends. heartbeat: how often a worker extends its leases, and longest_hold: for how long it does
    so. fresh: how old our knowledge of a lead may be before it is read again ahead of a post that cannot undo
    anything; ahead of any other it is read in any case. first_pause
    and longest_pause: the bounds of the backoff. unknown_pause: the least time before an unknown outcome is
    probed, since ResMan may still be working on a request that we stopped waiting for.
    configuration_pause: how long a change waits for a missing setting or contact before it looks again.
    contact_patience: how long before a change of a lead without e-mail and phone fails.
    """

    lease: float = 45.0
    heartbeat: float = 10.0
    longest_hold: float = 300.0
    fresh: float = 300.0
    first_pause: float = 5.0
    longest_pause: float = 600.0
    unknown_pause: float = 20.0
    configuration_pause: float = 900.0
    contact_patience: float = 14 * 86400.0
    max_attempts: int = 5


class GiveBack(Exception):
    """Postpone the delivery: nothing is wrong with the change itself."""

    def __init__(
        self,
        outcome: str,
        seconds: float,
        *,
        state: str = "waiting",
        counted: bool = False,
        decide_again: bool = False,
    ) -> None:
        super().__init__(outcome)
        self.outcome, self.seconds, self.state, self.counted = outcome, seconds, state, counted
        self.decide_again = decide_again


class Settle(Exception):
    """Settle the change at once, without a post."""

    def __init__(
        self,
        sync_status: str,
        outcome: str,
        reason: str,
        *,
        agreed: tuple[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(outcome)
        self.sync_status = sync_status
        self.agreed = agreed
        self.explanation = {"outcome": outcome, "reason": reason, **more}


@dataclass(frozen=True, slots=True)
class Delivered:
    """How one delivery ended: `success`, `failed`, `postponed`, `lost_lease` or `vanished`; `outcome` says
    more. `error` is what ResMan answered where that is why."""

    result: str
    outcome: str
    error: ResManError | None = None
