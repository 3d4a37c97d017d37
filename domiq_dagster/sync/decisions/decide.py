"""What to do about one linked lead, from the pair last agreed and the pair as it is. Pure.

`decide` sees which case a situation is (`classify`) and looks up what that case asks for (`rule_on`). There
are finitely many cases; docs/decision-table.md lists them all, generated from `rule_on`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domiq_dagster.sync.status_map import (
    RESMAN_APPLICANT,
    RESMAN_RESIDENT,
    ConflictPolicy,
    LeadStatus,
    StatusMap,
    progress,
    treated_as,
)

_APPLICANT_MAY_BECOME = frozenset({LeadStatus.APPLICATION, LeadStatus.LEASED, LeadStatus.LOST})
_RESIDENT_MAY_BECOME = frozenset({LeadStatus.LEASED})


class Action(StrEnum):
    """What a decision asks for."""

    LEAVE = "leave"
    """DomIQ's status is no lead status, or ResMan's is a word without a meaning in the map."""
    AGREE = "agree"
    """The two already agree: remember the pair."""
    HOLD = "hold"
    """Nothing now: an open change will settle it, or the difference was accepted before."""
    APPLY = "apply"
    """Set DomIQ's status to `new_status`, and settle open outbound changes as beaten."""
    PUSH = "push"
    """DomIQ's status must reach ResMan: a change has to be open for it."""
    REVIEW = "review"
    """Both moved and a person decides."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A DomIQ status and the ResMan status beside it, with its milestone."""

    domiq_status: str | None
    resman_status: str


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision depends on.

    Attributes:
        open_outbound: an outbound change of this conversation is pending.
        under_way: one is being sent, or may have arrived.
        push_failed: the last change of this conversation carried its present status out and failed.
        domiq_is_newer: before a pair was ever agreed, the conversation began after ResMan's last news of the
            lead.
        inbound, outbound: the directions that the property's settings allow.
    """

    agreed: Pair | None
    now: Pair
    open_outbound: bool
    policy: ConflictPolicy
    inbound: bool = True
    outbound: bool = True
    push_failed: bool = False
    domiq_is_newer: bool = False
    under_way: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`remember`: neither side moved, but a word changed that means the same: store the pair anew."""

    action: Action
    reason: str
    new_status: LeadStatus | None = None
    remember: bool = False


class Words(StrEnum):
    """What the two words of now say about each other."""

    NO_LEAD = "DomIQ's is no lead status"
    NO_MEANING = "ResMan's is not in the map"
    COVERED = "ResMan's covers DomIQ's"
    DIFFER = "they differ"


class Moved(StrEnum):
    """Who moved since a pair was agreed, by what the words mean. Where none was, both did, or DomIQ
    alone where the conversation is newer than ResMan's last news of the lead."""

    NEITHER = "neither"
    DOMIQ = "only DomIQ"
    RESMAN = "only ResMan"
    BOTH = "both"


class Open(StrEnum):
    """The outbound changes of the conversation."""

    NONE = "none"
    WAITING = "waiting"
    UNDER_WAY = "under way"


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of situation.

    Attributes:
        postable: an event posted from outside could bring ResMan to DomIQ's status.
        further: DomIQ's status is further in the order of progress than the one that ResMan's sets.
    """

    words: Words
    moved: Moved
    open: Open
    postable: bool
    policy: ConflictPolicy
    further: bool
    push_failed: bool
    inbound: bool
    outbound: bool


def decide(situation: Situation, statuses: StatusMap) -> Decision:
    """The three-way decision between the pair last agreed, ResMan now, and DomIQ now."""
    action, reason = rule_on(classify(situation, statuses))
    reason = reason.format(resman_status=situation.now.resman_status)
    if action is Action.APPLY:
        theirs = statuses.resman_meaning(situation.now.resman_status)
        assert theirs is not None
        return Decision(action, reason, theirs.sets)
    remember = reason == _ACCEPTED and situation.agreed != situation.now
    return Decision(action, reason, remember=remember)


def classify(situation: Situation, statuses: StatusMap) -> Case:
    """Which case a situation is."""
    now, agreed = situation.now, situation.agreed
    ours, theirs = statuses.lead_status(now.domiq_status), statuses.resman_meaning(now.resman_status)
    words = Words.DIFFER
    if ours is None:
        words = Words.NO_LEAD
    elif theirs is None:
        words = Words.NO_MEANING
    elif ours in theirs.covers:
        words = Words.COVERED
    if agreed is None:
        they_moved, we_moved = not situation.domiq_is_newer, True
    else:
        they_moved = agreed.resman_status != now.resman_status and (
            theirs is None or statuses.resman_meaning(agreed.resman_status) != theirs
        )
        we_moved = statuses.lead_status(agreed.domiq_status) != ours
    return Case(
        words=words,
        moved=_WHO[they_moved, we_moved],
        open=(
            Open.UNDER_WAY if situation.under_way else Open.WAITING if situation.open_outbound else Open.NONE
        ),
        postable=ours is not None and enforceable(now.resman_status, ours),
        policy=situation.policy,
        further=ours is not None and theirs is not None and progress(ours) > progress(theirs.sets),
        push_failed=situation.push_failed,
        inbound=situation.inbound,
        outbound=situation.outbound,
    )


_WHO = {
    (False, False): Moved.NEITHER,
    (False, True): Moved.DOMIQ,
    (True, False): Moved.RESMAN,
    (True, True): Moved.BOTH,
}
DOMIQ_HAS_NO_LEAD = "DomIQ's status is no lead status"
_ACCEPTED = "the difference was settled before; neither side moved since"


def rule_on(case: Case) -> tuple[Action, str]:
    """What a case asks for, and why. `{resman_status}` in a reason stands for ResMan's word."""
    if case.words is Words.NO_LEAD:
        return Action.LEAVE, DOMIQ_HAS_NO_LEAD
    if case.words is Words.NO_MEANING:
        return Action.LEAVE, "ResMan's status has no meaning in the status map"
    if case.words is Words.COVERED:
        return Action.AGREE if case.open is Open.NONE else Action.HOLD, "ResMan's status covers DomIQ's"
    if case.open is Open.NONE and case.moved is Moved.NEITHER:
        return Action.HOLD, _ACCEPTED
    if case.open is Open.NONE and case.moved is Moved.RESMAN:
        return _theirs_wins(case, "only ResMan moved")
    # From here on DomIQ has moved, or has a change open, which counts as a move of its own.
    if not case.postable:
        reason = "ResMan's {resman_status} cannot be undone from DomIQ"
        return _review(case, reason) if _reviewed(case) else _theirs_wins(case, reason)
    if case.moved in (Moved.NEITHER, Moved.DOMIQ):
        return _ours_wins(case, "only DomIQ moved")
    if not (case.inbound and case.outbound):
        # Where statuses go one way only there is nothing to choose.
        reason = "both moved, and statuses go one way only"
        return _theirs_wins(case, reason) if case.inbound else _ours_wins(case, reason)
    reason = f"both moved: {case.policy.value}"
    if _reviewed(case):
        return _review(case, reason)
    return _ours_wins(case, reason) if _domiq_prevails(case) else _theirs_wins(case, reason)


def enforceable(resman_status: str, ours: LeadStatus) -> bool:
    """Whether an event posted from outside could bring a lead at this ResMan status to ours: an
    applicant or resident cannot be made a prospect again."""
    stands = treated_as(resman_status)
    if stands == RESMAN_RESIDENT:
        return ours in _RESIDENT_MAY_BECOME
    return stands != RESMAN_APPLICANT or ours in _APPLICANT_MAY_BECOME


def _reviewed(case: Case) -> bool:
    """A person decides only where either side could win."""
    return case.policy is ConflictPolicy.MANUAL_REVIEW and case.inbound and case.outbound


def _domiq_prevails(case: Case) -> bool:
    if case.policy is ConflictPolicy.FURTHEST_PROGRESS:
        return case.further
    return case.policy is ConflictPolicy.DOMIQ_WINS


def _ours_wins(case: Case, reason: str) -> tuple[Action, str]:
    if not case.outbound:
        return Action.HOLD, f"{reason}, but the property does not push"
    if case.open is not Open.NONE:
        return Action.HOLD, f"{reason}: the open change will tell ResMan"
    if case.push_failed:
        return Action.HOLD, f"{reason}: the push of this status failed and waits for a retry"
    return Action.PUSH, reason


def _theirs_wins(case: Case, reason: str) -> tuple[Action, str]:
    if not case.inbound:
        return Action.HOLD, f"{reason}, but the property does not take statuses from ResMan"
    return _settled(case, Action.APPLY, reason)


def _review(case: Case, reason: str) -> tuple[Action, str]:
    return _settled(case, Action.REVIEW, reason)


def _settled(case: Case, action: Action, reason: str) -> tuple[Action, str]:
    """What is on its way to ResMan is waited for: it may have arrived already."""
    if case.open is Open.UNDER_WAY:
        return Action.HOLD, "a change is on its way to ResMan; decided after it is settled"
    return action, reason
