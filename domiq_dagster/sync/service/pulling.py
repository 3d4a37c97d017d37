"""Pulling as it pays: properties are pulled one by one, within the budget of their account and in the order
in which news is likely, and what they bring is applied at once.

One thread looks which accounts may be asked; a few others pull, each one property at a time, and at each
account one. What is chosen, and by whom, is settled in the database (`pull_claims`), so any number of workers
share an account's budget. A pull takes the account's slot like any request, for one request at a time: a push
waits for no more than that, and seldom for one that takes long (`pull_order`).
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync import trouble
from domiq_dagster.sync.account_gate import AccountClosed, NotWanted, asking_first
from domiq_dagster.sync.decisions.apply import Applied, apply_property
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.pull.pull import Pulled, PullOptions
from domiq_dagster.sync.pull.pulls import pull_patiently
from domiq_dagster.sync.request_counts import Requests, requests_of_this_thread
from domiq_dagster.sync.service.metrics import Metrics
from domiq_dagster.sync.service.pull_claims import AppliedState, PullClaim, PullClaims, rest_after
from domiq_dagster.sync.service.tally import Tally

logger = logging.getLogger(__name__)
_LISTED_SECONDS = 5.0
"""How often the accounts are listed: so long it may take until a new property is known."""
_RENEWED_SECONDS = 10.0
_LONGEST_WAIT_SECONDS = 30.0
"""An account is looked at again by then, whatever was said of it: its settings may have changed."""
_LEAST_WAIT_SECONDS = 0.02
_BUSY_REST_SECONDS = 5.0
"""For how long a property is left alone that could not be asked for want of the account's slot."""
_LOOKING = "looking for what to pull"
_OPTIONS = PullOptions(seldom_on_record=True)


@dataclass(slots=True)
class Pulling:
    """Pulls with threads of its own, for as long as `run` goes on.

    Attributes:
        max_pulls: how many properties are pulled side by side, each of another account.
        quiet_for: for how long no change has gone out at an account; 0: one does now.
        stopping: once it is set nothing more is begun, and a request under way is given up.
        on_news: called when something was linked or decided, from several threads.
        clock: in seconds.
    """

    engine: Engine
    client: ResManClient
    claims: PullClaims
    tally: Tally
    metrics: Metrics
    max_pulls: int
    quiet_for: Callable[[str], float]
    stopping: threading.Event
    on_news: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    """Set when a pull has ended, or there is something else to look at."""
    _look_at: dict[str, float] = field(default_factory=dict)
    _under_way: dict[str, UUID | None] = field(default_factory=dict)
    """The accounts at which one of the threads is, and what it pulls there, once it has claimed it."""
    _faults: dict[str, str] = field(default_factory=dict)
    """What went wrong last, by what was done: it is logged once."""
    _listed_at: float = -math.inf
    _renewed_at: float = -math.inf

    def wake(self) -> None:
        """Has it look whether it is to stop."""
        self._ended.set()

    def run(self) -> None:
        """Goes on until `stopping` is set, and what is in hand has ended."""
        with ThreadPoolExecutor(self.max_pulls, thread_name_prefix="pull") as pool:
            while not self.stopping.is_set():
                try:
                    self._renew()
                    self._list_accounts()
                    for account in self._due_accounts():
                        pool.submit(self._work, account)
                    self._faults.pop(_LOOKING, None)
                except Exception as fault:
                    self._say_once(_LOOKING, fault)
                    self.stopping.wait(_LISTED_SECONDS)
                    continue
                self._ended.wait(self._until_next_look())
                self._ended.clear()
            # One that is storing what it has read ends first. Its claim is long enough for that, or runs out.

    # Which accounts

    def _list_accounts(self) -> None:
        now = self.clock()
        if now - self._listed_at < _LISTED_SECONDS:
            return
        listed = self.claims.accounts()
        self._listed_at = now
        with self._lock:
            self._look_at = {
                a.account_id: now if a.new else self._look_at.get(a.account_id, now) for a in listed
            }
        self.metrics.pulls_looked(max((a.oldest for a in listed if a.oldest is not None), default=0.0))

    def _due_accounts(self) -> list[str]:
        """Those to look at now, the one that has waited for longest first; each counts as under way."""
        now = self.clock()
        with self._lock:
            free = self.max_pulls - len(self._under_way)
            due = sorted((at, a) for a, at in self._look_at.items() if at <= now and a not in self._under_way)
            chosen = [account for _, account in due[:free]]
            self._under_way.update(dict.fromkeys(chosen))
        return chosen

    def _until_next_look(self) -> float:
        now = self.clock()
        with self._lock:
            if len(self._under_way) >= self.max_pulls:
                return 1.0
            waits = [at - now for a, at in self._look_at.items() if a not in self._under_way]
        return max(_LEAST_WAIT_SECONDS, min([*waits, 1.0]))

    def _renew(self) -> None:
        with self._lock:
            pulled = [p for p in self._under_way.values() if p is not None]
        if pulled and self.clock() - self._renewed_at >= _RENEWED_SECONDS:
            self.claims.renew(pulled)
            self._renewed_at = self.clock()

    # One account

    def _work(self, account: str) -> None:
        """Pulls the next property of an account, if one is due there."""
        wait = _BUSY_REST_SECONDS
        try:
            if self.stopping.is_set():
                return
            claimed = self.claims.claim(account, quiet_for=self.quiet_for(account))
            if isinstance(claimed, PullClaim):
                with self._lock:
                    self._under_way[account] = claimed.integration.property_id
                self._pull(claimed)
                wait = 0.0
            else:
                wait = claimed
        except Exception as fault:
            # What was claimed comes back when its claim runs out; the other accounts go on.
            self._say_once(f"the pull at account {account}", fault)
        else:
            self._faults.pop(f"the pull at account {account}", None)
        finally:
            with self._lock:
                self._under_way.pop(account, None)
                if account in self._look_at:
                    self._look_at[account] = self.clock() + min(wait, _LONGEST_WAIT_SECONDS)
            self._ended.set()

    def _pull(self, claim: PullClaim) -> None:
        integration, began = claim.integration, self.clock()
        state = AppliedState.OPEN if claim.must_apply else AppliedState.AS_BEFORE
        with requests_of_this_thread() as requests, asking_first(lambda _: not self.stopping.is_set()):
            try:
                pulled = pull_patiently(self.engine, self.client, integration, _OPTIONS)
            except NotWanted:
                self.claims.release(claim, made=requests.made, failures=claim.failures, applied=state)
                return
            except Exception as error:
                if trouble.is_lost_database(error):
                    raise
                self._failed(claim, error, requests, state)
                return
        self.metrics.pulled("news" if pulled.is_news else "nothing new", self.clock() - began)
        applied = self._apply(claim, pulled)
        if claim.must_apply or pulled.is_news:
            state = AppliedState.OPEN if applied is None else AppliedState.YES
        # What a property's first pull brings is all that was ever there: no news, and no measure of the next.
        edits, took = (pulled.stored, requests.seconds) if integration.was_pulled else (0, None)
        self.claims.release(claim, made=requests.made, failures=0, applied=state, took=took, edits=edits)
        self.tally.pulled(integration.partition_key, pulled, applied)
        if pulled.linked or (applied is not None and (applied.applied or applied.pushed)):
            self.on_news()

    def _failed(self, claim: PullClaim, error: Exception, requests: Requests, applied: AppliedState) -> None:
        key = claim.integration.partition_key
        closed = isinstance(error, AccountClosed)
        failures = claim.failures + (0 if closed else 1)
        rest = _BUSY_REST_SECONDS if closed else rest_after(failures, self.claims.rules.floor)
        if isinstance(error, ResManError) and error.retry_after is not None:
            rest = max(rest, error.retry_after)
        self.metrics.pulled("failed", None)
        trouble.log_fault(f"pull of {key} failed", error)
        self.tally.problem(f"pull of {key} failed: {trouble.sentence(error)}")
        self.claims.release(claim, made=requests.made, failures=failures, applied=applied, rest=rest)

    def _apply(self, claim: PullClaim, pulled: Pulled) -> Applied | None:
        """What was decided; None where nothing was to be, or it could not be."""
        if not (pulled.is_news or claim.must_apply):
            return None
        integration: Integration = claim.integration
        deciding = trouble.PropertyFaults(self.engine, "decisions")
        applied: Applied | None = None
        with deciding.of(integration.property_id, integration.partition_key):
            applied = apply_property(self.engine, integration)
        for sentence in deciding.sentences:
            self.tally.problem(sentence)
        return applied

    def _say_once(self, what: str, fault: Exception) -> None:
        """While the database is away the same goes wrong every few seconds."""
        said = trouble.sentence(fault)
        if self._faults.get(what) != said:
            self._faults[what] = said
            trouble.log_fault(f"{what} failed", fault)
            self.tally.problem(f"{what} failed: {said}")
