"""Both sides at once: the delivery machine, with ResMan's staff, late and silent news, pulls, decisions and
people who resolve conflicts among its steps, under every policy.

At the end of each example edits and faults stop. Then two cycles (pull, apply, reconcile, push) are all it
takes until both sides agree, or a difference is explained, and a third writes nothing (two_sided_checks.py).

Left out, since it cannot hold: staff who edit a lead in the moment between our last look at it and our post.
ResMan takes no condition with a post, so whoever comes last wins there; the machine asks only that both sides
then agree on it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from sqlalchemy import Connection

from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.pull.pull import PullOptions, pull_property
from domiq_dagster.sync.queue import restores
from domiq_dagster.sync.queue.restores import OutsideMark
from domiq_dagster.sync.repair.conflicts import NoSuchConflict, resolve
from domiq_dagster.sync.repair.reconcile import reconcile
from domiq_dagster.sync.status_map import ConflictPolicy
from tests.machine import old_copy
from tests.machine.checks import NO_LEAD_STATUS, Broken, Change
from tests.machine.delivery_machine import (
    DAY,
    TOURS,
    WORDS,
    DeliveryMachine,
    Edits,
    Event,
    _sound,
    conversations,
    edits,
    events,
    fault,
)
from tests.machine.harness import USER_OF, SyncedProperty
from tests.machine.process import Process
from tests.machine.resman_model import FAULTS, OUTAGES, SOURCE
from tests.machine.resman_staff import ACTS, STAMPS, StaffedClient, StaffedModel, shown
from tests.machine.two_sided_checks import COVERS, MEANS, SETS, TwoSidedChecks

KNOWN = ["Prospect", "Prospect", None, "Lost", "Applicant", "Resident"]
WORKS = ["pull", "pull all", "deliver", "apply", "reconcile", "resolve"]
MEANWHILE = [
    ["pull", "apply"], ["pull", "apply", "push"], ["pull"], ["push"], ["pull", "apply", "chatbot", "push"],
    ["pull all", "reconcile"], ["later", "push"], ["later", "chatbot", "push", "pull", "apply"], [],
]  # fmt: skip
"""What others do while somebody is frozen."""
users = st.integers(0, 2)
steps = st.integers(1, 12)
staff_edit = st.tuples(users, st.sampled_from(ACTS), st.sampled_from(list(STAMPS)))
StaffEdits = Sequence[tuple[int, str, str]]


class TwoSidedProperty(SyncedProperty):
    """A property whose conversations begin by the clock that can be set, as ResMan's news does."""

    def _begin(self, c: Connection, n: int, status: str, age: int) -> UUID:
        found: UUID = self._harness.run(
            c,
            "INSERT INTO conversation(chatbot_id, user_id, status, created_at) "
            "SELECT id, :u, :s, clock_timestamp() - :age * interval '1 minute' FROM chatbot "
            "WHERE property_id = :p RETURNING id",
            u=self.users[USER_OF[n]], s=status, age=age, p=self.id,
        ).scalar_one()  # fmt: skip
        return found

    def clear(self) -> None:
        super().clear()
        for table in ("attempt", "restored"):
            self._harness.do(f"DELETE FROM domiq_sync.{table}")

    def connected_just_now(self) -> list[UUID]:
        """Everything that was logged until now happened before it was connected. Returns those changes."""
        self._harness.do(
            "UPDATE domiq_sync.integration SET connected_at = pg_catalog.clock_timestamp() "
            "WHERE property_id = :p",
            p=self.id,
        )
        rows = self._harness.rows("SELECT change_id FROM domiq_sync.change WHERE property_id = :p", p=self.id)
        return [r.change_id for r in rows]


class TwoSidedMachine(DeliveryMachine):
    """Four conversations of three users, who may be leads at ResMan already."""

    model: StaffedModel
    checks: TwoSidedChecks

    @initialize(
        policy=st.sampled_from(list(ConflictPolicy)),
        known=st.tuples(st.sampled_from(KNOWN), st.sampled_from(KNOWN)),
        known_for=st.sampled_from([90 * DAY, 600.0]),
        first=st.lists(st.sampled_from(WORDS), min_size=4, max_size=4),
        quiet=st.booleans(),
        hour=st.sampled_from([0, 6, 12, 23]),
        odd=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        early=st.booleans(),
    )
    @_sound
    def begin(
        self,
        policy: str,
        known: tuple[str | None, str | None],
        known_for: float,
        first: list[str],
        quiet: bool,
        hour: int,
        odd: tuple[bool, bool, bool],
        early: bool = False,
    ) -> None:
        """`known`: what the first two users are at ResMan, since `known_for` seconds. `odd`: ResMan's rules
        of which no source is certain. `early`: the conversations began before the property was connected.
        `quiet`: all of it is in step before anything happens."""
        self.harness.skew = 0.0
        self.harness.do(
            "UPDATE machine.clock SET ahead = date_trunc('day', pg_catalog.clock_timestamp()) "
            "+ interval '1001 days' + :h * interval '1 hour' - pg_catalog.clock_timestamp()",
            h=hour,
        )
        self.told: list[str] = []
        """What each cycle on the way to rest left behind."""
        self.model = StaffedModel(self.now)
        self.model.whole_days, self.model.activity_reactivates, self.model.keeps_converted = odd
        self.policy = policy
        self.property = TwoSidedProperty(self.harness, first, settings_open=False)
        self.property.set(conflict_policy=policy)
        self.checks = TwoSidedChecks(self.harness, self.property, self.model, first, policy)
        for user, status in enumerate(known):
            if status:
                self.model.enter(
                    f"lead-{user}", self.property.email(user), status, timedelta(seconds=known_for)
                )
        self.kept: dict[str, Any] | None = None
        self.mark = OutsideMark(Path(tempfile.mkdtemp(prefix="mark-")))
        if early:
            self.checks.early = set(self.property.connected_just_now())
        if quiet:
            self.cycle()
            self.cycle()

    def teardown(self) -> None:
        super().teardown()
        if self.mark is not None:
            shutil.rmtree(self.mark.folder, ignore_errors=True)

    def now(self) -> Any:
        return self.harness.rows("SELECT clock_timestamp() AS now")[0].now

    start = a_worker_freezes = a_worker_is_overtaken = None  # type: ignore[assignment]

    def change(self, edits: Edits, logged: tuple[int, str] | None = None) -> None:
        super().change(edits, logged)
        if logged is not None:
            self.checks.own_words.add(self.conversation(logged[0]))
            self.checks.credits[self.conversation(logged[0])] += 1

    def load_in_bulk(self, n: int, word: str) -> None:
        super().load_in_bulk(n, word)
        self.checks.unlogged.add(self.conversation(n))
        self.checks.credits[self.conversation(n)] += 1

    @rule(n=conversations, tour=st.sampled_from(TOURS))
    @_sound
    def a_tour_moves_unseen(self, n: int, tour: str | None) -> None:
        """No trigger sees it: reconciliation does."""
        with self.harness.engine.begin() as c:
            self.harness.run(c, "SET LOCAL session_replication_role = replica")
            self.harness.run(
                c, "UPDATE conversation SET tour_datetime = :t WHERE id = :c", t=tour, c=self.conversation(n)
            )
        self.checks.credits[self.conversation(n)] += 1

    @rule(act=st.sampled_from(
        ["reconcile", "retry", "retry", "give the contact", "success", "failed", "delete", "load in bulk",
         "switch off", "switch on", "switch on"]), n=conversations, word=st.sampled_from(WORDS))  # fmt: skip
    @_sound
    def operator(self, act: str, n: int, word: str) -> None:
        if act == "delete":
            for sibling in self.property.siblings(n):
                self.checks.credits[sibling] += 1
                self.checks.spoken_for.add(sibling)
        before = self.checks.by_hand.copy()
        self._operate(act, n, word)
        for change in self.checks.changes():
            if change.change_id in self.checks.by_hand - before:
                self.checks.credits[change.conversation_id] += 1

    def _operate(self, act: str, n: int, word: str) -> None:
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
            self.property.replace(n)
            self.checks.expect(self.conversation(n))
        elif act == "load in bulk":
            self.load_in_bulk(n, word)
        else:
            self.property.set(sync_enabled=act == "switch on")

    @rule(
        seconds=st.sampled_from([DAY, 3600.0, 400.0, 50.0, 10.0]),
        outage=st.sampled_from([None, None, None, *OUTAGES]),
        skew=st.sampled_from([0.0, 0.0, 30 * DAY, -30 * DAY]),
    )
    @_sound
    def the_world_turns(self, seconds: float, outage: str | None, skew: float) -> None:
        self.later(seconds)
        self.harness.skew = skew
        self.model.outage = FAULTS[outage] if outage else None

    @rule(
        n=conversations,
        word=st.sampled_from(WORDS),
        logs_first=st.booleans(),
        apart=st.booleans(),
        then=st.sampled_from([None, "push", "deliver", "pull"]),
    )
    @_sound
    def application(self, n: int, word: str, logs_first: bool, apart: bool, then: str | None) -> None:
        """It logs its own change and makes the move, one after the other, in one transaction or in two,
        between which somebody may work (`then`)."""
        conversation = self.conversation(n)
        (before,) = self.harness.rows("SELECT status FROM conversation WHERE id = :c", c=conversation)
        if before.status == word or word == NO_LEAD_STATUS:
            return
        log = (
            "INSERT INTO status_sync_log(conversation_id, old_status, new_status, updated_by, "
            "sync_direction, sync_status) VALUES (:c, :b, :s, :by, 'to_resman', 'pending')",
            {"c": conversation, "b": before.status, "s": word, "by": "chatbot" if logs_first else None},
        )
        move = "UPDATE conversation SET status = :s WHERE id = :c", {"c": conversation, "s": word}
        first, last = (log, move) if logs_first else (move, log)
        self.checks.own_words.add(conversation)
        self.checks.expect(conversation)
        if logs_first and self._moved_so_before(conversation, before.status, word):
            # Nobody can tell what it announces from what it logs late. It counts as late: then nothing old is
            # told again, and the move is logged by itself.
            self.checks.announced.add(conversation)
        if not apart:
            with self.harness.engine.begin() as c:
                self.harness.run(c, first[0], **first[1])
                self.harness.run(c, last[0], **last[1])
            return
        self.harness.do(first[0], **first[1])
        if then and not logs_first:
            self.work(self.awake()[0], then, n)()
        elif then == "deliver":
            self.deliver_one(self.awake()[0])
        self.harness.do(last[0], **last[1])

    def _moved_so_before(self, conversation: UUID, before: str, after: str) -> bool:
        return bool(
            self.harness.rows(
                "SELECT FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id "
                "WHERE ch.conversation_id = :c AND ch.logged_by <> 'application' "
                "AND (g.old_status, g.new_status) = (:b, :a)",
                c=conversation, b=before, a=after,
            )
        )  # fmt: skip

    # Copies of the database

    @rule()
    @_sound
    def a_copy_is_taken(self) -> None:
        if self._in_peace():
            old_copy.take(self.harness)
            self.kept = {**self.checks.keep(), "conversations": list(self.property.conversations)}

    @rule(declared=st.booleans(), n=conversations, word=st.sampled_from(WORDS))
    @_sound
    def the_copy_is_put_back(self, declared: bool, n: int, word: str) -> None:
        """What was told since is not to be told again, and what staff did since stays. Somebody says so, or
        the mark outside does."""
        if self.kept is None or not self._in_peace():
            return
        kept, self.kept = self.kept, None
        process, mark = self.awake()[0], self.mark
        assert mark is not None
        restores.look(process.engine, mark)
        old_copy.put_back(self.harness)
        self.property.conversations = kept.pop("conversations")
        self.checks.put_back(kept)
        self.model.was_restored = True
        if declared:
            with process.engine.begin() as c:
                restores.declare(c, "the machine", None)
        else:
            restores.look(process.engine, mark)
        self.change([(n, word)])
        self.model.full_reads_due = max(self.model.full_reads_due, 1)

    def _in_peace(self) -> bool:
        return len(self.awake()) == len(self.harness.processes) and not self.model.still_working

    # ResMan's staff

    @rule(given=st.lists(staff_edit, min_size=1, max_size=3))
    @_sound
    def staff(self, given: StaffEdits) -> None:
        self.do_staff(given)

    def do_staff(self, given: StaffEdits) -> None:
        for user, act, stamp in given:
            for prospect_id in self.leads_of(user):
                self.model.edit(prospect_id, act, stamp)

    def leads_of(self, user: int) -> list[str]:
        email = self.property.email(user)
        return [k for k, lead in self.model.leads.items() if lead.person.email == email]

    @rule(
        user=users, status=st.sampled_from(["Prospect", "Lost", "Applicant"]), age=st.sampled_from([0.0, DAY])
    )
    @_sound
    def staff_enter(self, user: int, status: str, age: float) -> None:
        """Staff make a card. Not while a worker may be making one for the same person: ResMan takes both."""
        if self.leads_of(user) or self.model.still_working or len(self.awake()) < len(self.harness.processes):
            return
        self.model.enter(f"card-of-{user}", self.property.email(user), status, timedelta(seconds=age))

    @rule(days=st.sampled_from([0.5, 30]))
    @_sound
    def resman_gives_up(self, days: float) -> None:
        self.model.auto_lose(timedelta(days=days))

    @rule(user=users, doubled=st.booleans())
    @_sound
    def staff_tidy_up(self, user: int, doubled: bool) -> None:
        """They delete a card; `doubled`: they first made another one for the same person, and merge the
        two."""
        if self.model.still_working or len(self.awake()) < len(self.harness.processes):
            return
        for prospect_id in self.leads_of(user)[:1]:
            # Whoever of a person's conversations is linked first with what is left may be an older one.
            self.checks.spoken_for |= {
                c
                for n, c in enumerate(self.property.conversations)
                if USER_OF[n] == user and self.property.siblings(n)
            }
            if doubled:
                other = f"{prospect_id}x"
                self.model.enter(
                    other, self.property.email(user), self.model.leads[prospect_id].status, timedelta()
                )
                self.model.merge(other, prospect_id)
            else:
                self.model.vanish(prospect_id)

    # The other half of the sync

    @rule(
        full=st.booleans(),
        reads=st.lists(st.none() | fault, max_size=1),
        breaks_off=st.sampled_from([None, None, None, 0, 1]),
        then_apply=st.booleans(),
    )
    @_sound
    def pull(self, full: bool, reads: list[str | None], breaks_off: int | None, then_apply: bool) -> None:
        self.model.meets(reads, [])
        if breaks_off is not None:
            self.model.break_off(breaks_off)
        process = self.awake()[0]
        self.do_pull(process, full)
        if then_apply:
            self.do_apply(process)

    @rule()
    @_sound
    def apply(self) -> None:
        self.do_apply(self.awake()[0])

    @rule(event=events)
    @_sound
    def a_pass(self, event: Event) -> None:
        self.happens(event)
        process = self.awake()[0]
        self.do_pull(process)
        self.do_apply(process)
        self.do_reconcile()
        self.do_push(process)

    @rule(work=st.sampled_from(WORKS), step=st.integers(0, 30), n=conversations)
    @_sound
    def work_dies(self, work: str, step: int, n: int) -> None:
        process = self.awake()[0]
        process.run(self.work(process, work, n), dies_at=step, counted_from_start=True)

    @rule(work=st.sampled_from(WORKS), moment=steps, n=conversations)
    @_sound
    def work_freezes(self, work: str, moment: int, n: int) -> None:
        awake = self.awake()
        if len(awake) > 1:
            self.freeze(awake[-1], work, moment, n)

    @rule(
        before=edits,
        work=st.sampled_from(WORKS),
        moment=steps,
        n=conversations,
        given=st.lists(staff_edit, max_size=2),
        meanwhile=edits,
        others=st.sampled_from(MEANWHILE),
        then=st.sampled_from(["apply", "push", "pull", None]),
    )
    @_sound
    def work_is_overtaken(
        self,
        before: Edits,
        work: str,
        moment: int,
        n: int,
        given: StaffEdits,
        meanwhile: Edits,
        others: list[str],
        then: str | None,
    ) -> None:
        """It freezes on its way, much happens, and it wakes and goes on with what it knew."""
        awake = self.awake()
        if len(awake) < 2:
            return
        self.change(before)
        self.freeze(awake[-1], work, moment, n)
        self.do_staff(given)
        for other in others:
            if other == "chatbot":
                self.change(meanwhile)
            elif other == "later":
                self.later(50.0)
            else:
                self.work(awake[0], other, n)()
        if awake[-1].frozen:
            self.wake(awake[-1])
        if then:
            self.work(awake[0], then, n)()

    @rule(n=conversations, keep=st.sampled_from(["domiq", "resman"]))
    @_sound
    def a_person_decides(self, n: int, keep: Literal["domiq", "resman"]) -> None:
        self.do_resolve(self.awake()[0], n, keep)

    def freeze(self, process: Process, work: str, moment: int, n: int) -> None:
        process.claim = None
        process.freeze_at(moment)
        process.start(self.work(process, work, n))
        if process.frozen and process.claim is not None and not self.checks.holds(process.claim):
            process.claim = None  # given back by itself: what it does now it does as anybody may

    def work(self, process: Process, name: str, n: int) -> Callable[[], None]:
        return {
            "pull": lambda: self.do_pull(process),
            "pull all": lambda: self.do_pull(process, full=True),
            "deliver": lambda: self.deliver_one(process),
            "apply": lambda: self.do_apply(process),
            "reconcile": lambda: self.do_reconcile(process),
            "push": lambda: self.do_push(process),
            "resolve": lambda: self.do_resolve(process, n, "domiq" if n % 2 else "resman"),
        }[name]

    def integration(self, process: Process) -> list[Integration]:
        with process.engine.connect() as c:
            found = load_integrations(c, property_ids=[self.property.id])
            c.commit()
        return found

    def do_pull(self, process: Process, full: bool = False) -> None:
        for integration in self.integration(process):
            client: Any = process.client(self.model, StaffedClient)
            # A read that lacks everybody is believed only at the word of a person, who knows.
            word = full and not self.model.leads
            try:
                options = PullOptions(full=full, believe_short=word)
                pull_property(process.engine, client, integration, options, clock=self.now)
            except ResManError:
                failing = (
                    "SELECT FROM domiq_sync.watermark WHERE property_id = :p AND failing_since IS NOT NULL"
                )
                if not self.harness.rows(failing, p=self.property.id):
                    raise Broken("lost", "a failed pull is not on record") from None

    def do_apply(self, process: Process) -> None:
        for integration in self.integration(process):
            apply_property(process.engine, integration)

    def do_reconcile(self, process: Process | None = None) -> None:
        reconcile(process.engine if process else self.harness.engine, property_ids=[self.property.id])

    def do_resolve(self, process: Process, n: int, keep: Literal["domiq", "resman"]) -> None:
        conversation = self.conversation(n)
        self.checks.credits[conversation] += 1
        try:
            resolve(process.engine, conversation, keep)
        except NoSuchConflict:
            self.checks.credits[conversation] -= 1

    def client_of(self, process: Process) -> Any:
        return process.client(self.model, StaffedClient)

    def wake(self, process: Process, killed: bool = False) -> None:
        if process.claim is not None:
            super().wake(process, killed)
        else:
            process.resume(dies=killed)

    # What one edit leads to, where all is quiet

    @rule(user=users, act=st.sampled_from(ACTS), word=st.none() | st.sampled_from(WORDS))
    @_sound
    def one_edit_in_quiet(self, user: int, act: str, word: str | None) -> None:
        """`word`: the chatbot's edit, else it is the staff's."""
        if len(self.awake()) < len(self.harness.processes):
            return
        self.calm()
        self.rest()
        links = [k for k in self.checks.links() if k.is_current and k.prospect_id in self.leads_of(user)]
        if len(links) != 1 or links[0].in_conflict or links[0].prospect_id not in self.model.leads:
            return
        (link,) = links
        if word == link.status or link.agreed_at is None:
            # It says so already: nobody moves. And where no pair was agreed, any touch by staff is news.
            return
        lead = self.model.leads[link.prospect_id]
        if link.status not in MEANS and link.agreed_resman_status != shown(lead):
            return  # staff moved it while DomIQ's word said nothing of a lead: both sides move
        if word is not None:
            self.change([(self.property.conversations.index(link.conversation_id), word)])
            expected = after_chatbot(word, shown(lead), self.policy, self.model.keeps_converted)
        else:
            before = shown(lead)
            self.model.edit(link.prospect_id, act)
            moved = shown(lead) != before
            expected = after_staff(link.status, shown(lead)) if moved else link.status, shown(lead)
        self.cycle()
        self.cycle()
        (now,) = [k for k in self.checks.links() if k.conversation_id == link.conversation_id]
        came = now.status, shown(lead)
        if expected is not None and came != expected and not now.in_conflict:
            raise Broken("decision", f"{word or act} at {link}: {came} instead of {expected}")

    # Rest

    def calm(self) -> None:
        """Edits and faults stop."""
        self.model.heal()
        self.harness.skew = 0.0
        self.property.set(sync_enabled=True, source_id=SOURCE)
        self.property.tell_contact()
        # What the application announced and never did is waited for no more.
        self.harness.do(
            "UPDATE domiq_sync.change SET logged_at = logged_at - interval '1 hour' "
            "WHERE property_id = :p AND logged_by = 'application'",
            p=self.property.id,
        )

    def cycle(self) -> None:
        """All that one round of the sync does. What no ordinary pull can see, the nightly full one does."""
        self.later(DAY)
        process = self.awake()[0]
        due = self.model.full_reads_due
        self.do_pull(process, full=due > 0)
        self.model.full_reads_due = max(0, due - 1)
        self.do_apply(process)
        self.do_reconcile(process)
        self.do_push(process)
        left = [(c.new_status, c.last_outcome) for c in self.checks.changes() if c.queued]
        self.told.append(f"left {left}, posts {len(self.model.taken)}")

    def rest(self) -> None:
        """Two cycles, a third where a post was in doubt, and nothing is written any more, save that the next
        one's pull may read what the last one's push did."""
        self.told = []
        if self.model.gone:
            # It takes two full reads to believe that a prospect is gone, and a third one where a delivery was
            # on its way to it. Only then are edits over.
            for _ in range(3):
                self.model.full_reads_due = 1
                self.cycle()
        self.cycle()
        if any(c.last_outcome == "not_seen_yet" for c in self.checks.changes() if c.queued):
            # A post in doubt is looked for twice at least. What waits behind it begins when that is over.
            self.cycle()
        self.cycle()
        left = [c for c in self.checks.changes() if c.pending or c.queued]
        if unexplained := self.checks.may_wait(left):
            raise Broken("lost", f"nothing hinders them, and yet these stay pending: {unexplained}")
        before = self.checks.written()
        self.cycle()
        self.checks.at_rest(before, self.told, apart_from="resman_lead")
        before = self.checks.written()
        self.cycle()
        self.checks.at_rest(before, self.told)
        self.checks.always()
        self.checks.settled()
        self.checks.both_agree()
        self.checks.tours_stand()
        self.checks.replay()

    def come_to_rest(self) -> None:
        self.calm()
        if any(p.frozen for p in self.harness.processes):
            self.cycle()
            for process in self.harness.processes:
                if process.frozen:
                    self.wake(process)
        self.rest()
        if self.do_retry():
            self.rest()

    def deliver_all(self) -> list[Change]:
        raise NotImplementedError


def after_staff(ours: str, theirs: str) -> str:
    """DomIQ's status once staff alone made a lead `theirs`."""
    meaning = MEANS.get(ours)
    return ours if meaning is None or meaning in COVERS[theirs] else SETS[theirs]


def after_chatbot(word: str, theirs: str, policy: str, keeps_converted: bool) -> tuple[str, str] | None:
    """Both statuses once the chatbot alone moved a lead that ResMan shows as `theirs`; None: a person
    decides."""
    ours = MEANS.get(word)
    if ours is None or ours in COVERS[theirs]:
        return word, theirs
    stands = "Resident" if theirs == "Applicant/MovedIn" else theirs.partition("/")[0]
    if stands == "Resident" or (stands == "Applicant" and ours not in ("leased", "lost")):
        return None if policy == "manual_review" else (SETS[theirs], theirs)
    if ours == "lost":
        return ("application", theirs) if stands == "Applicant" and keeps_converted else (word, "Lost")
    return word, "Prospect" if theirs == "Lost" else theirs
