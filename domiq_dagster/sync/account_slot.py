"""A slot of a ResMan account, as `account_gate` gives it: the lock that is the queue for it, whoever has it,
and the permit for one request in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from domiq_dagster.resman.deadline import seconds_now
from domiq_dagster.sync import patience

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountState:
    """How an account stands for whoever has one of its slots.

    Attributes:
        failures: outages in a row.
        ramp_ms: the least time between requests after an outage, in milliseconds; 0: none.
        holder: as whom the request may be made; None where it may not be made now.
        closed_for, paced_for, busy_for: for how many seconds more the breaker, the pace, or the slot's last
            request keeps it out.
        epoch: of the slot's lock; another one than is held: the slot was taken over.
    """

    failures: int
    ramp_ms: int
    open_reason: str | None
    closed_for: float
    holder: int | None
    paced_for: float
    busy_for: float
    epoch: int


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock that is the queue for a slot: of which account, the slot's number, and its epoch."""

    account_id: str
    number: int
    epoch: int

    @property
    def key(self) -> dict[str, Any]:
        return {"a": self.account_id, "slot": self.number, "epoch": self.epoch}

    @property
    def name(self) -> str:
        """That of the first slot is the account's own, as it always was."""
        name = f"domiq_sync.account:{self.account_id}" + (f"#{self.number}" if self.number else "")
        return name + (f"@{self.epoch}" if self.epoch else "")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a slot. `busy`: a request of theirs may be under way."""

    epoch: int
    holder: int | None
    busy: bool


@dataclass(slots=True)
class Slot:
    """A slot that a thread has: by which lock, as whom (`holder`), and how the account stood when it was
    given.

    Attributes:
        since: when it was asked for, before its mark was set, as `seconds_now` tells it.
        asked: how many requests were made in it.
    """

    connection: Connection
    lock: Lock
    state: AccountState
    since: float
    asked: int = 0

    @property
    def account_id(self) -> str:
        return self.lock.account_id

    @property
    def key(self) -> dict[str, Any]:
        return {"a": self.lock.account_id, "slot": self.lock.number, "holder": self.state.holder}


class Permit:
    """For one request in a slot. `until` never passes the end of the slot's mark.

    Args:
        since: from when on the mark lasts for `longest` seconds, at least.
        is_wanted: tells whether to go on.
        stay: has the mark last for as long again; tells whether the slot is still its own.

    Attributes:
        hurried: it was told to stop, or can learn no more.
    """

    def __init__(
        self,
        slot: Slot,
        since: float,
        longest: float,
        *,
        is_wanted: Callable[[], bool],
        stay: Callable[[], bool],
    ) -> None:
        self.since = since
        self.until = since + longest
        self.hurried = False
        self._slot = slot
        self._longest = longest
        self._is_wanted = is_wanted
        self._stay = stay
        self._heard_at = self._marked_at = since

    def look(self) -> None:
        """Renews the mark of a request that lasts, and hears whether to stop."""
        now = seconds_now()
        if self.hurried or now - self._heard_at < patience.HEAR:
            return
        self._heard_at = now
        try:
            if not self._is_wanted():
                self.hurried, self.until = True, min(self.until, now + patience.STOP_GRACE)
            elif now - self._marked_at >= patience.MARK_RENEWED:
                kept = self._stay()
                self._marked_at, self.until = now, now + (self._longest if kept else 0.0)
        except DBAPIError as error:
            # What was marked holds: the request has until then, and hears nothing more.
            self.hurried = True
            logger.warning(
                "the slot of account %s could not be kept: %s",
                self._slot.account_id,
                type(error.orig).__name__,
            )
