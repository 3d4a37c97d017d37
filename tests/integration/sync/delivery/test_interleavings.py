"""Chatbot, staff, faults and the steps of the sync in any order: once the faults stop and passes have run,
the two sides agree or the difference is listed, nothing was posted twice, and nothing more is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.decisions.conflict_store import open_conflicts
from tests.depth import examples
from tests.fixtures.world import World

pytestmark = pytest.mark.soaked

LEADS = 3
WORDS = ["new", "engaged", "qualified", "tour_scheduled", "application", "leased", "lost", "completed"]
FAULTS: list[list[dict[str, Any]]] = [
    [{"kind": "drop_after", "rate": 0.5}],
    [{"kind": "drop_before", "rate": 0.5}],
    [{"kind": "status", "status": 503, "rate": 0.5, "commit": True}],
    [{"kind": "html", "rate": 0.4}, {"kind": "truncate", "rate": 0.4}],
    [{"kind": "status", "status": 429, "rate": 0.5}],
    [],
    [],
]
SETTLED = {"agrees", "awaiting", "conflict", "not_a_lead"}


class Interleaving(RuleBasedStateMachine):
    """One property with three conversations, of which two have their lead at ResMan already."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        world = self.world
        world.standin.control("reset", {"seed": 3, "empty": True})
        world.do('TRUNCATE company, "user", domiq_sync.account, domiq_sync.attempt CASCADE')

    @initialize(policy=st.sampled_from(["resman_wins", "domiq_wins", "furthest_progress", "manual_review"]))
    def start(self, policy: str) -> None:
        world = self.world
        property_id = world.property(conflict_policy=policy)
        self.leads = [
            world.lead(email=f"p{n}@example.com", first="Bo", last=f"Number{n}")["prospectId"]
            for n in range(LEADS - 1)
        ]
        users = [world.user("Bo", f"Number{n}", f"p{n}@example.com") for n in range(LEADS)]
        world.sync()
        self.conversations = [world.conversation(property_id, "new", user=u) for u in users]

    @rule(n=st.integers(0, LEADS - 1), word=st.sampled_from(WORDS))
    def chatbot(self, n: int, word: str) -> None:
        self.world.change(self.conversations[n], status=word)

    @rule(n=st.integers(0, LEADS - 2), status=st.sampled_from(["Prospect", "Lost", "Applicant", "Resident"]))
    def staff(self, n: int, status: str) -> None:
        self.world.standin.edit(self.leads[n], status=status)

    @rule(faults=st.sampled_from(FAULTS))
    def change_faults(self, faults: list[dict[str, Any]]) -> None:
        self.world.standin.faults(*faults)

    @rule()
    def time(self) -> None:
        self.world.later()

    @rule()
    def pull(self) -> None:
        try:
            self.world.pull()
        except ResManError:
            assert self.world.rows("SELECT FROM domiq_sync.watermark WHERE last_error IS NOT NULL")

    @rule()
    def apply(self) -> None:
        self.world.apply()

    @rule()
    def push(self) -> None:
        self.world.push()

    @rule()
    def reconcile(self) -> None:
        self.world.reconcile()

    def teardown(self) -> None:
        if not hasattr(self, "conversations"):
            return
        world = self.world
        world.standin.faults()
        for _ in range(4):
            world.later()
            world.sync()
        conflicts = self.conflicts()
        pending = {r.lane for r in world.rows("SELECT lane FROM domiq_sync.delivery")}
        assert pending <= conflicts
        assert set(world.verdicts()) <= SETTLED
        assert world.verdicts().count("conflict") == len(conflicts)
        assert world.repeated_markers() == []
        assert world.conservation() == []
        assert len(world.standin.prospects()) <= LEADS
        failed = world.rows("SELECT context_data FROM status_sync_log WHERE sync_status = 'failed'")
        assert failed == []
        before, posts = world.versions(), len(world.standin.posts())
        world.sync()
        after = world.versions()
        changed = [t for t in after if after[t] != before[t]]
        assert changed == []
        assert len(world.standin.posts()) == posts

    def conflicts(self) -> set[Any]:
        with self.world.engine.connect() as c:
            return {k.conversation_id for k in open_conflicts(c)}


def test_any_order_of_events_ends_in_agreement(world: World) -> None:
    machine: Callable[[], RuleBasedStateMachine] = type("Machine", (Interleaving,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(14),
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
