"""Sequences of the two-sided machine's steps that are worth repeating each time: what it broke once, told
plainly. The machine's own checks follow each step and the end."""

from __future__ import annotations

from collections.abc import Callable

from tests.machine.checks import Broken
from tests.machine.delivery_machine import DAY
from tests.machine.harness import Harness
from tests.machine.two_sided_machine import TwoSidedMachine

Step = Callable[[TwoSidedMachine], None]


def told(
    harness: Harness,
    steps: list[Step],
    *,
    policy: str = "resman_wins",
    first: tuple[str, ...] = ("new", "new", "new", "new"),
    known: tuple[str | None, str | None] = ("Prospect", None),
    early: bool = False,
) -> None:
    """Plays a story from a quiet beginning: conversations at the statuses `first`, of which the first users
    are `known` to ResMan, or are not. `early`: they began before the property was connected, which nobody has
    pulled."""
    machine: TwoSidedMachine = type("Machine", (TwoSidedMachine,), {"harness": harness})()
    try:
        machine.begin(
            policy=policy, known=known, known_for=90 * DAY, first=list(first), quiet=not early, hour=12,
            odd=(False, False, False), early=early,
        )  # fmt: skip
        for step in steps:
            step(machine)
            machine.what_holds_always()
    finally:
        machine.teardown()


def says(n: int, word: str) -> Step:
    """The chatbot moves conversation `n`."""
    return lambda m: m.chatbot(edits=[(n, word)], logged=None)


def staff(act: str, stamp: str = "at once", user: int = 0) -> Step:
    return lambda m: m.staff(given=[(user, act, stamp)])


def does(*works: str) -> Step:
    """Pulls, decisions, pushes, one after the other."""

    def do(machine: TwoSidedMachine) -> None:
        for work in works:
            machine.work(machine.awake()[0], work, 0)()
            machine.what_holds_always()

    return do


def freezes(work: str, moment: int) -> Step:
    """A process freezes over it at that one of its moments."""
    return lambda m: m.work_freezes(work=work, moment=moment, n=0)


def wakes(machine: TwoSidedMachine) -> None:
    machine.a_frozen_worker_wakes(killed=False)


def stands(n: int, word: str) -> Step:
    """Whatever was done, conversation `n` is where its policy wants it."""

    def look(machine: TwoSidedMachine) -> None:
        (row,) = machine.harness.rows(
            "SELECT status FROM conversation WHERE id = :c", c=machine.conversation(n)
        )
        if row.status != word:
            raise Broken("decision", f"conversation {n} should be at {word} and is at {row.status}")

    return look


def later(seconds: float = DAY) -> Step:
    return lambda m: m.later(seconds)


def operator(act: str, n: int = 0) -> Step:
    return lambda m: m.operator(act=act, n=n, word="new")


def slow_pull(moment: int) -> list[Step]:
    """What a pull read before another one's news is old: it froze at this one of its moments."""
    return [freezes("pull", moment), staff("Lost"), does("pull", "apply"), wakes, does("apply")]


def applies(n: int, word: str, *, logs_first: bool, apart: bool, then: str | None = None) -> Step:
    """The application moves conversation `n` and logs that itself."""
    return lambda m: m.application(n=n, word=word, logs_first=logs_first, apart=apart, then=then)


def copied(machine: TwoSidedMachine) -> None:
    machine.a_copy_is_taken()


def put_back(n: int, word: str, *, declared: bool = False) -> Step:
    """The copy is put back, and the chatbot goes on."""
    return lambda m: m.the_copy_is_put_back(declared=declared, n=n, word=word)


LOST_TIME: list[Step] = [
    says(0, "engaged"), says(1, "lost"), copied, does("push"), staff("Applicant"), says(2, "qualified"),
    does("pull", "apply", "push"), put_back(2, "qualified"), does("push", "pull", "apply", "push"),
]  # fmt: skip
"""What was pending in a copy is told, staff move on, and the copy is put back."""
EARLY: list[Step] = [does("reconcile", "push"), says(0, "qualified"), does("reconcile", "push")]
STORIES: dict[str, list[Step]] = {
    "an old copy of the database is put back, which the mark outside tells": LOST_TIME,
    "an application logs its own moves, each way that there is": [
        applies(0, "tour_scheduled", logs_first=True, apart=False),
        applies(0, "qualified", logs_first=False, apart=False),
        applies(0, "tour_scheduled", logs_first=True, apart=True, then="deliver"),
        applies(0, "qualified", logs_first=False, apart=True, then="push"),
        applies(0, "lost", logs_first=False, apart=True, then="deliver"),
    ],
    # Replay: a change that a decision makes goes on from what the log said last
    "a change settled by hand is told all the same": [
        says(0, "lost"), operator("success"), does("reconcile", "push"),
    ],
}  # fmt: skip
SECOND_CHAT: list[Step] = [says(2, "lost"), does("pull", "apply")]
"""A lost lead chats again and is active, as we told ResMan; its second chat, which was no lead's until now,
ends."""
NEWS: list[Step] = [staff("Lost"), does("pull", "apply")]
LATE_NEWS: list[Step] = [does("pull"), later(600.0), staff("Lost", "an hour late")]
"""An edit that could not be seen yet when ResMan dated it."""
STALE_DECISION: list[Step] = [
    staff("Lost"), does("pull"), freezes("apply", 4), says(0, "application"), wakes, stands(0, "application"),
]  # fmt: skip
"""Where DomIQ wins, the chatbot moves a conversation between the decision about it and its carrying out."""
ONE_SIDE_MOVED: list[Step] = [lambda m: m.one_edit_in_quiet(user=0, act="Lost", word="lost")]
UNSEEN_MOVE: list[Step] = [does("pull", "apply"), staff("Applicant"), says(0, "lost"), does("push")]
"""Both move between two pulls."""
MANUAL_STORIES: dict[str, list[Step]] = {
    # Writes stop: an open conflict is not written again
    "both moved, and a person has yet to decide": [
        staff("Lost"),
        says(0, "qualified"),
        does("pull", "apply"),
    ],
}
