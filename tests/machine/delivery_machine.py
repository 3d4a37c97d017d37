"""Everything that may happen to the delivery of changes, in any order, against a real PostgreSQL and a model
of ResMan: what chatbot, operators, workers, clocks, network and ResMan do, and what must hold all the same.

Each example lives at a property and a ResMan account of its own in one database, so none sees another's rows.
After each step the cheap invariants are checked; in the end the faults stop, everything is delivered, and
then nothing is lost, doubled or out of order and both sides agree (checks.py).

Left out, since it cannot hold: a worker that is frozen between its last look at its lease and the request's
leaving, whose session at the account's gate is lost as well (the database fell over, a proxy cut it). Nothing
on our side keeps that request in when the worker wakes, and ResMan takes no token of ours. Likewise a request
that ResMan still works on when the pause that an unknown outcome is given is over. Staff edits and pulls are
the matter of test_interleavings.py: here ResMan's statuses move by our posts alone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domiq_dagster.resman.models import LeadEvent, Person
from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.delivery.outcomes import DeliveryRules
from domiq_dagster.sync.delivery.push import PushOptions, push
from domiq_dagster.sync.delivery.worker import DeliveryWorker
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.restores import OutsideMark
from domiq_dagster.sync.repair.reconcile import reconcile
from domiq_dagster.sync.repair.retry import Choice, put_back
from domiq_dagster.sync.status_map import load_status_map
from tests.machine.checks import NO_LEAD_STATUS, Broken, Change, Checks
from tests.machine.harness import Harness
from tests.machine.process import Process
from tests.machine.resman_model import EVENT_IDS, FAULTS, OUTAGES, SOURCE, Lead, ResManModel

F = TypeVar("F", bound=Callable[..., Any])
WORDS = ["new", "engaged", "qualified", "tour_scheduled", "application", "leased", "lost", NO_LEAD_STATUS]
OPERATORS = [
    "reconcile", "retry", "retry", "give the contact", "success", "failed", "delete", "load in bulk",
    "switch off", "switch on", "switch on", "mistype the source", "mend the source",
]  # fmt: skip
DAY = 86_400.0
TOURS = [None, "2031-05-05 10:00", "2031-05-06 11:30", "2031-11-02 01:30"]
"""When a tour may be: at an hour, too, that the property's clock shows twice."""
conversations = st.integers(0, 3)
words = st.sampled_from(WORDS)
edit = st.tuples(conversations, words)
tours = st.lists(st.sampled_from(TOURS), min_size=1, max_size=2)
fault = st.sampled_from(sorted(FAULTS))
moments = st.integers(1, 7)
Edits = Sequence[tuple[int, str]]


class Event(NamedTuple):
    """What happens before a worker comes: changes in one transaction, then seconds pass; and what befalls
    its first reads and posts."""

    edits: Edits = ()
    seconds: float = 0.0
    reads: Sequence[str | None] = ()
    posts: Sequence[str | None] = ()


edits = st.lists(edit, max_size=2)
events = st.builds(
    Event,
    edits,
    st.sampled_from([50.0, DAY, 0.0, 50.0, 10.0]),
    st.lists(st.none() | fault, max_size=2),
    st.lists(fault, max_size=3),
)


def _sound(step: F) -> F:
    """Notes whether a step came to its end: after a broken one, the end of the example is not looked at."""

    @wraps(step)
    def guarded(self: DeliveryMachine, *args: Any, **kwargs: Any) -> Any:
        self.sound = False
        result = step(self, *args, **kwargs)
        self.sound = True
        return result

    return guarded  # type: ignore[return-value]


class DeliveryMachine(RuleBasedStateMachine):
    """One property with four conversations: of one user each, save two of the same; one user is unknown."""

    harness: Harness

    def __init__(self) -> None:
        super().__init__()
        self.sound = False
        self.model = ResManModel()
        self.mark: OutsideMark | None = None

    @initialize(
        bare=st.booleans(),
        known=st.sampled_from([None, "Prospect", "Lost"]),
        quiet=st.booleans(),
        first=st.lists(st.sampled_from([w for w in WORDS if w != NO_LEAD_STATUS]), min_size=4, max_size=4),
    )
    @_sound
    def start(self, bare: bool, known: str | None, quiet: bool, first: list[str]) -> None:
        """`bare`: the settings are still open. `known`: the first user is a lead already, so ResMan says.
        `quiet`: what there is was delivered before anything happens."""
        self.harness.skew = 0.0
        self.property = self.harness.property(first, settings_open=bare)
        self.checks = Checks(self.harness, self.property, self.model, first)
        if known:
            person = Person("person-0", "Bo", "Number0", self.property.email(0), None, is_main=True)
            came = LeadEvent("Contact", datetime.now(UTC) - timedelta(days=90), first_contact=True)
            self.model.leads["lead-0"] = Lead("lead-0", person, known, [came])
        if quiet:
            self.do_push(self.awake()[0])

    # The application

    @rule(edits=st.lists(edit, min_size=1, max_size=4), logged=st.none() | edit)
    @_sound
    def chatbot(self, edits: Edits, logged: tuple[int, str] | None) -> None:
        """One transaction. `logged`: a row that the application writes itself, whatever the status is."""
        self.change(edits, logged)

    def change(self, edits: Edits, logged: tuple[int, str] | None = None) -> None:
        with self.harness.engine.begin() as c:
            for n, word in edits:
                before = self.harness.run(
                    c, "SELECT status FROM conversation WHERE id = :c FOR UPDATE", c=self.conversation(n)
                ).scalar_one()
                self.harness.run(
                    c, "UPDATE conversation SET status = :s WHERE id = :c", s=word, c=self.conversation(n)
                )
                if before != word and word != NO_LEAD_STATUS:
                    self.checks.expect(self.conversation(n))
            if logged is not None:
                self.checks.announced.add(self.conversation(logged[0]))
                self.harness.run(
                    c,
                    "INSERT INTO status_sync_log(conversation_id, new_status, sync_direction, sync_status) "
                    "VALUES (:c, :s, 'to_resman', 'pending')",
                    c=self.conversation(logged[0]), s=logged[1],
                )  # fmt: skip

    @rule(
        n=conversations, tours=st.lists(st.sampled_from(TOURS), min_size=1, max_size=2), booked=st.booleans()
    )
    @_sound
    def a_tour_moves(self, n: int, tours: list[str | None], booked: bool) -> None:
        """One transaction. `booked`: with the status that has tours."""
        if booked:
            self.change([(n, "tour_scheduled")])
        self.move_tour(n, tours)

    def move_tour(self, n: int, tours: Sequence[str | None]) -> None:
        conversation = self.conversation(n)
        with self.harness.engine.begin() as c:
            row = self.harness.run(
                c, "SELECT status, tour_datetime FROM conversation WHERE id = :c FOR UPDATE", c=conversation
            ).one()
            before = f"{row.tour_datetime:%Y-%m-%d %H:%M}" if row.tour_datetime else None
            for tour in tours:
                self.harness.run(
                    c, "UPDATE conversation SET tour_datetime = :t WHERE id = :c", t=tour, c=conversation
                )
            if row.status == "tour_scheduled" and {*tours} != {before}:
                self.checks.expect(conversation)

    @rule(does=st.sampled_from(EVENT_IDS))
    @_sound
    def resman_treats_ids_of_events_so(self, does: str) -> None:
        self.model.event_ids = does

    def conversation(self, n: int) -> UUID:
        return self.property.conversations[n]

    # Workers

    @rule(event=events, rows=st.sampled_from([1, 1000, 1000]), impatient=st.booleans())
    @_sound
    def push(self, event: Event, rows: int, impatient: bool) -> None:
        """`impatient`: the worker's clock jumps ahead while it works."""
        self.happens(event)
        ticks = itertools.count()
        clock = time.monotonic if not impatient else lambda: time.monotonic() + 1e6 * (next(ticks) > 2)
        self.do_push(self.awake()[0], budget=Budget(rows=rows), clock=clock)

    @rule(event=events, step=st.integers(0, 60))
    @_sound
    def push_and_die(self, event: Event, step: int) -> None:
        self.happens(event)
        process = self.awake()[0]
        process.run(lambda: self.do_push(process), dies_at=step)

    @rule(event=events, step=st.integers(0, 40))
    @_sound
    def deliver_one_and_die(self, event: Event, step: int) -> None:
        self.happens(event)
        process = self.awake()[0]
        process.run(lambda: self.deliver_one(process), dies_at=step)

    @rule(event=events, moment=moments)
    @_sound
    def a_worker_freezes(self, event: Event, moment: int) -> None:
        self.happens(event)
        awake = self.awake()
        if len(awake) > 1:  # one is left to go on with
            awake[-1].start(lambda: self.deliver_one(awake[-1], freeze_at=moment))

    @rule(killed=st.sampled_from([False, False, True]))
    @_sound
    def a_frozen_worker_wakes(self, killed: bool) -> None:
        for process in self.harness.processes:
            if process.frozen:
                self.wake(process, killed)
                return

    @rule(event=events, moment=moments, meanwhile=edits)
    @_sound
    def a_worker_is_overtaken(self, event: Event, moment: int, meanwhile: Edits) -> None:
        """It freezes, its lease ends, another one does its work and more, and it wakes."""
        self.happens(event)
        awake = self.awake()
        if len(awake) > 1:
            awake[-1].start(lambda: self.deliver_one(awake[-1], freeze_at=moment))
            self.later(50.0)
            self.change(meanwhile)
            self.do_push(awake[0])
            if awake[-1].frozen:
                self.wake(awake[-1])

    def awake(self) -> list[Process]:
        return [p for p in self.harness.processes if not p.frozen]

    def happens(self, event: Event) -> None:
        """What befalls before a worker comes, and what its requests will meet."""
        if event.edits:
            self.change(event.edits)
        if event.seconds:
            self.later(event.seconds)
        self.model.meets(event.reads, event.posts)

    def do_push(
        self, process: Process, budget: Budget | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        options = PushOptions(property_ids=[self.property.id], budget=budget or Budget(), mark=self.mark)
        push(process.engine, self.client_of(process), options, clock=clock)

    def client_of(self, process: Process) -> Any:
        return process.client(self.model)

    def deliver_one(self, process: Process, freeze_at: int | None = None) -> None:
        """A worker that takes one change and may fall asleep over it, without anybody to keep its lease."""
        rules = DeliveryRules()
        with process.engine.connect() as c:
            integrations = load_integrations(c, property_ids=[self.property.id])
            statuses = load_status_map(c, self.property.id)
            c.commit()
            if not integrations:
                return
            process.claim = None
            claims = queue.claim(c, self.property.id, f"{process.name} {time.monotonic_ns()}", rules.lease)
            if claims:
                process.claim = claims[0]
                if freeze_at is not None:
                    process.freeze_at(freeze_at)
                worker = DeliveryWorker(process.engine, process.client(self.model), rules)
                worker.deliver(claims[0], integrations[0], statuses, connection=c)

    def wake(self, process: Process, killed: bool = False) -> None:
        """A worker that lost its lease in its sleep changes nothing any more."""
        claim = process.claim
        lost = not self.checks.holds(claim)
        before, believed = self.checks.all_that_is_stored(), self.checks.known()
        with self.harness.engine.connect() as c:
            queue.extend_leases(c, [claim], 45.0)  # its heart goes on beating, or begins to again
        process.resume(dies=killed)
        if lost:
            self.checks.nothing_changed(before, believed)

    # Clocks, faults

    @rule(
        seconds=st.sampled_from([DAY, DAY, 3600.0, 50.0, 10.0, -30.0, -3600.0]),
        outage=st.sampled_from([None, None, None, *OUTAGES]),
        skew=st.sampled_from([0.0, 0.0, 30 * DAY, -30 * DAY]),
    )
    @_sound
    def the_world_turns(self, seconds: float, outage: str | None, skew: float) -> None:
        """Time passes (or the database's clock steps, ahead or back), the workers' clocks go wrong by `skew`,
        and an outage befalls every request from here on."""
        self.later(seconds)
        self.harness.skew = skew
        self.model.outage = FAULTS[outage] if outage else None

    def later(self, seconds: float) -> None:
        if seconds > 0:
            self.model.catch_up()
        self.harness.step_clock(seconds)

    # Operators

    @rule(act=st.sampled_from(OPERATORS), n=conversations, word=words)
    @_sound
    def operator(self, act: str, n: int, word: str) -> None:
        if act == "reconcile":
            self.do_reconcile()
        elif act == "retry":
            self.do_retry()
        elif act == "give the contact":
            self.property.tell_contact()
        elif act in ("success", "failed"):
            self.settle_by_hand(n, act)
        elif act == "delete":
            self.checks.forget(self.conversation(n))
            self.checks.spoken_for |= set(self.property.siblings(n))
            self.property.replace(n)
            self.checks.expect(self.conversation(n))
        elif act == "load in bulk":
            self.load_in_bulk(n, word)
        elif act.startswith("switch"):
            self.property.set(sync_enabled=act == "switch on")
        else:
            self.property.set(source_id=SOURCE if act == "mend the source" else "mistyped")

    def settle_by_hand(self, number: int, status: str) -> None:
        """In SQL: the machinery is not asked."""
        pending = [c for c in self.checks.changes() if c.pending]
        if pending:
            change = pending[-1 - number % len(pending)]
            self.checks.by_hand.add(change.change_id)
            self.harness.do(
                "UPDATE status_sync_log SET sync_status = :s WHERE id = :c", s=status, c=change.change_id
            )

    def load_in_bulk(self, n: int, word: str) -> None:
        """Or restore a backup: the status moves and no trigger sees it."""
        with self.harness.engine.begin() as c:
            self.harness.run(c, "SET LOCAL session_replication_role = replica")
            self.harness.run(
                c, "UPDATE conversation SET status = :s WHERE id = :c", s=word, c=self.conversation(n)
            )

    def do_reconcile(self) -> None:
        reconcile(self.harness.engine, property_ids=[self.property.id])

    def do_retry(self) -> int:
        failed = {c.change_id for c in self.checks.changes() if c.sync_status == "failed"}
        number = put_back(self.harness.engine, Choice(self.property.id)).total
        back = {c.change_id for c in self.checks.changes() if c.pending}
        self.checks.by_hand -= failed & back
        return number

    # What must hold

    @invariant()
    def what_holds_always(self) -> None:
        if hasattr(self, "checks") and self.sound:
            self.sound = False
            self.checks.always()
            self.sound = True

    def teardown(self) -> None:
        try:
            if self.sound:
                self.come_to_rest()
        finally:
            for process in self.harness.processes:
                if process.frozen:
                    process.resume(dies=True)
            if hasattr(self, "property"):
                self.property.clear()

    def come_to_rest(self) -> None:
        """The faults stop. Frozen workers sleep on while the others deliver, and wake after it."""
        self.model.heal()
        self.harness.skew = 0.0
        self.property.set(sync_enabled=True, source_id=SOURCE)
        self.property.tell_contact()
        if any(p.frozen for p in self.harness.processes):
            self.deliver_all()
            for process in self.harness.processes:
                if process.frozen:
                    self.wake(process)
        left = self.deliver_all()
        if left:
            raise Broken("lost", f"nothing hinders them, and yet these stay pending: {left}")
        self.checks.always()
        self.checks.settled()
        if self.do_retry():
            self.deliver_all()
            self.checks.always()
            self.checks.settled()
        self.checks.both_agree()
        self.checks.tours_stand()

    def deliver_all(self) -> list[Change]:
        """Delivers as time passes until it is quiet. Returns what is pending all the same."""
        for _ in range(6):
            self.later(DAY)
            self.do_reconcile()
            left = [c for c in self.checks.changes() if c.pending or c.queued]
            if not left:
                break
            self.do_push(self.awake()[0])
        return left
