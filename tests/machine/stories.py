"""Sequences of the machine's steps that are worth repeating each time: what random steps broke once, or
rarely meet. Each is a list of steps; the machine's own checks follow each step and the end."""

from __future__ import annotations

from collections.abc import Callable

from tests.machine.delivery_machine import DAY, DeliveryMachine, Event
from tests.machine.harness import Harness

Step = Callable[[DeliveryMachine], None]


def told(harness: Harness, steps: list[Step], *, first: list[str], known: str | None) -> None:
    """Plays a story: conversations that begin at the statuses `first`, of which the first one's user is
    `known` to ResMan at some status, or is not."""
    machine: DeliveryMachine = type("Machine", (DeliveryMachine,), {"harness": harness})()
    try:
        machine.start(bare=False, known=known, quiet=False, first=first)
        for step in steps:
            step(machine)
            machine.what_holds_always()
    finally:
        machine.teardown()


def says(n: int, word: str) -> Step:
    """The chatbot moves conversation `n`."""
    return lambda m: m.chatbot(edits=[(n, word)], logged=None)


def pushed(*posts: str | None, reads: tuple[str, ...] = ()) -> Step:
    """A push whose first posts and reads meet these faults."""
    return lambda m: m.push(Event((), 0.0, reads, posts), rows=1000, impatient=False)


def later(seconds: float = DAY) -> Step:
    return lambda m: m.the_world_turns(seconds=seconds, outage=None, skew=0.0)


def operator(act: str, n: int = 0) -> Step:
    return lambda m: m.operator(act=act, n=n, word="new")


def freezes(moment: int) -> Step:
    """A worker claims the longest-due change and freezes."""
    return lambda m: m.a_worker_freezes(Event(), moment=moment)


def wakes(machine: DeliveryMachine) -> None:
    machine.a_frozen_worker_wakes(killed=False)


def vanishes(n: int) -> Step:
    """Conversation `n` is deleted, and its user does not come back for now."""

    def delete(machine: DeliveryMachine) -> None:
        gone = machine.conversation(n)
        machine.checks.forget(gone)
        machine.checks.spoken_for |= set(machine.property.siblings(n))
        machine.harness.do("DELETE FROM conversation WHERE id = :c", c=gone)

    return delete


UNKNOWN = "no answer, but done"
PUT_BACK_BEFORE = "a failed change is put back before one that was captured since"
STORIES: dict[str, list[Step]] = {
    # 3: nothing twice
    "an unknown outcome is probed": [pushed(), says(0, "qualified"), pushed(UNKNOWN), later(), pushed()],
    "an unknown creation is probed": [pushed(UNKNOWN), later(), pushed()],
    "put back, what may have arrived is probed": [
        pushed(), says(0, "qualified"), pushed(UNKNOWN),
        operator("failed"), operator("reconcile"), operator("retry"), pushed(),
    ],
    "a creation that ResMan is still at, and another chat of that person": [
        pushed(None, "no answer, done late"), later(10.0),
    ],
    # 1: nothing lost
    "a probe that is refused tells nothing": [
        pushed(), says(0, "qualified"), pushed(UNKNOWN), later(), pushed(reads=("refused",)),
    ],
    "the newest chat is deleted and the older one goes on": [
        pushed(), later(), pushed(), vanishes(2), says(1, "lost"), pushed(),
    ],
    # 4: order
    "a failed change is put back behind one that may have arrived": [
        pushed(), says(0, "lost"), pushed("refused"), says(0, "qualified"), pushed(UNKNOWN),
        operator("retry"), later(), pushed(),
    ],
    PUT_BACK_BEFORE: [
        pushed(), says(0, "lost"), pushed("refused"), says(0, "qualified"), operator("retry"), pushed(),
    ],
}  # fmt: skip


def late_tellers(moment: int) -> list[Step]:
    """A lead that was lost is active again; the worker freezes somewhere on the way of telling it, is
    overtaken, and the lead is lost and active once more."""
    return [
        pushed(), says(0, "qualified"), freezes(moment), later(50.0), pushed(),
        says(0, "lost"), pushed(), wakes, says(0, "qualified"), pushed(),
    ]  # fmt: skip


def late_creators(moment: int) -> list[Step]:
    """The same with a lead that the worker is about to create."""
    return [
        freezes(moment), later(50.0), pushed(),
        says(0, "lost"), pushed(), wakes, says(0, "qualified"), pushed(),
    ]  # fmt: skip


def two_chats(moment: int) -> list[Step]:
    """A lead's older chat moves while a worker is frozen on its way with the newer, and keeps its lease."""
    return [pushed(), says(2, "qualified"), freezes(moment), says(1, "lost"), pushed(), wakes]
