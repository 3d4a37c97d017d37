"""Every patience against the others: what must be true of them, whatever their values."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

from domiq_dagster import sensors
from domiq_dagster.db.engine import IDLE_IN_TRANSACTION_SECONDS, LOCK_WAIT_SECONDS, make_engine
from domiq_dagster.resman.config import ResManConfig
from domiq_dagster.resman.deadline import (
    CONNECT_SECONDS,
    LONGEST_READ_SECONDS,
    LOOK_SECONDS,
    READ_SECONDS,
    SILENCE_SECONDS,
    WRITE_SECONDS,
)
from domiq_dagster.sync import patience as p
from domiq_dagster.sync import workers
from domiq_dagster.sync.account_gate import BreakerRules
from domiq_dagster.sync.delivery.outcomes import DeliveryRules
from domiq_dagster.sync.notifications.outcomes import SendingRules

HOME = Path(p.__file__)
PACKAGE = HOME.parents[1]
_ROUND = 5.0
"""How often Dagster's daemon comes round, in seconds."""


def test_a_request_is_over_before_its_mark_and_its_lease_are() -> None:
    """D7, D10: whoever sent it, and whatever befell them since."""
    assert CONNECT_SECONDS < WRITE_SECONDS
    assert WRITE_SECONDS + p.CLOCK_MARGIN < p.LONGEST_REQUEST
    assert WRITE_SECONDS + p.CLOCK_MARGIN <= p.LEASE
    # What lasts longer renews its mark while it lasts, and hears between two looks that it must not.
    assert p.MARK_RENEWED + p.HEAR + LOOK_SECONDS + p.CLOCK_MARGIN < p.LONGEST_REQUEST
    assert SILENCE_SECONDS <= READ_SECONDS <= LONGEST_READ_SECONDS
    # By the time a post that nobody answered is read back, its mark would be over too.
    assert WRITE_SECONDS + p.UNKNOWN_PAUSE > p.LONGEST_REQUEST


def test_others_go_on_within_a_minute_whatever_has_died_or_stands_still() -> None:
    """D1, D10: the next run looks for work, starts, and finds everything free."""
    start = p.LOOK_FOR_WORK + p.RUN_START
    assert p.LONGEST_RUN_START + start <= p.TAKEOVER
    for patience in (p.LEASE, p.NOTICE_LEASE, p.WORKER, IDLE_IN_TRANSACTION_SECONDS, p.LONGEST_REQUEST):
        assert patience + start <= p.TAKEOVER
    # A dead run is marked as failed by one sensor, and what it was to do is started again by another.
    assert p.WORKER + p.BURY + start <= p.TAKEOVER
    # A pull that died is overdue once it is not taken for alive any more, and so are its notices.
    assert p.WORKER + p.LOOK_SELDOM + p.RUN_START + _ROUND <= p.TAKEOVER
    # A worker that runs already waits for the slot, and passes its holder by at the second look.
    assert p.LONGEST_REQUEST + 3 * p.HEAR <= p.TAKEOVER
    assert IDLE_IN_TRANSACTION_SECONDS + p.PERSON_WAIT <= p.TAKEOVER


def test_who_lives_is_not_taken_for_dead() -> None:
    assert 3 * p.HEARTBEAT + LOCK_WAIT_SECONDS <= p.LEASE
    assert 5 * p.BEAT <= p.WORKER
    assert p.SLOT_WAIT + READ_SECONDS + 2 * WRITE_SECONDS <= p.LONGEST_HOLD
    assert p.RUN_START < p.LONGEST_RUN_START < p.BURIED
    # Whoever has locked a person says that it is here, at each look.
    assert p.HEAR + LOCK_WAIT_SECONDS < IDLE_IN_TRANSACTION_SECONDS


def test_a_stop_is_heard_and_done_within_ten_seconds() -> None:
    """D6."""
    assert LOOK_SECONDS + p.HEAR + p.STOP_GRACE <= 10


def test_what_works_with_them_takes_them_from_here() -> None:
    config, breaker, rules, sending = (
        ResManConfig("https://a", "https://a", "p", "k"),
        BreakerRules(),
        DeliveryRules(),
        SendingRules(),
    )
    assert (config.connect_timeout, config.read_timeout) == (CONNECT_SECONDS, SILENCE_SECONDS)
    assert (config.longest_write, config.longest_read) == (WRITE_SECONDS, READ_SECONDS)
    assert (breaker.longest_request, breaker.longest_wait) == (p.LONGEST_REQUEST, p.SLOT_WAIT)
    assert breaker.longest_rest == p.SHORT_PAUSE
    assert (rules.lease, rules.heartbeat, rules.longest_hold) == (p.LEASE, p.HEARTBEAT, p.LONGEST_HOLD)
    assert (sending.lease, sending.sending_lease) == (p.NOTICE_LEASE, p.SENDING_LEASE)
    assert (workers.BEAT_SECONDS, workers.PATIENCE_SECONDS) == (p.BEAT, p.WORKER)
    defaults = {name: parameter.default for name, parameter in signature(make_engine).parameters.items()}
    assert defaults["idle_in_transaction_ms"] == IDLE_IN_TRANSACTION_SECONDS * 1000
    assert defaults["lock_timeout_ms"] == LOCK_WAIT_SECONDS * 1000
    # The daemon asks those whose interval is over.
    for patience, sensor in (
        (p.LOOK_FOR_WORK, sensors.pending_changes),
        (p.LOOK_SELDOM, sensors.pending_notices),
        (p.LOOK_SELDOM, sensors.pull_gaps),
        (p.BURY, sensors.dead_runs),
    ):
        assert patience % _ROUND == 0
        assert patience - _ROUND < sensor.minimum_interval_seconds < patience


def read_in(path: Path) -> Iterator[str]:
    """The patiences that a module reads; those that others here follow from count as well."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if path == HOME and isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "patience":
                yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "domiq_dagster.sync.patience":
            yield from (alias.name for alias in node.names)


def test_none_is_stated_that_nothing_follows() -> None:
    """A number that only a document and a test know would be right there, and wrong in what happens."""
    stated = {
        target.id
        for node in ast.parse(HOME.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    read = {name for path in PACKAGE.rglob("*.py") for name in read_in(path)}
    assert stated - read == set()
