"""What to do about one linked lead, from the pair last agreed and the pair as it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domiq_dagster.sync.statuses import (
    RESMAN_APPLICANT,
    RESMAN_RESIDENT,
    ConflictPolicy,
    LeadStatus,
    StatusMap,
    progress,
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
    """A DomIQ status and the (effective) ResMan status beside it."""

    domiq_status: str | None
    resman_status: str


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision depends on.

    `open_outbound`: an outbound change of this conversation is pending. `push_failed`: the last change
    of this conversation carried its present status out and failed. `domiq_is_newer`: before a pair was
    ever agreed, the conversation began after ResMan's last news of the lead. `inbound` and `outbound`: the
    directions that the property's settings allow.
    """

    agreed: Pair | None
    now: Pair
    open_outbound: bool
    policy: ConflictPolicy
    inbound: bool = True
    outbound: bool = True
    push_failed: bool = False
    domiq_is_newer: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    action: Action
    reason: str
    new_status: LeadStatus | None = None


def decide(situation: Situation, statuses: StatusMap) -> Decision:
    """The three-way decision between the pair last agreed, ResMan now, and DomIQ now."""
    ours = statuses.lead_status(situation.now.domiq_status)
    theirs = statuses.resman.get(situation.now.resman_status)
    if ours is None:
        return Decision(Action.LEAVE, "DomIQ's status is no lead status")
    if theirs is None:
        return Decision(Action.LEAVE, "ResMan's status has no meaning in the status map")
    if ours in theirs.covers:
        return Decision(
            Action.HOLD if situation.open_outbound else Action.AGREE, "ResMan's status covers DomIQ's"
        )
    agreed = situation.agreed
    they_moved = (
        not situation.domiq_is_newer
        if agreed is None
        else agreed.resman_status != situation.now.resman_status
    )
    we_moved = agreed is None or statuses.lead_status(agreed.domiq_status) != ours
    if not they_moved and not we_moved and not situation.open_outbound:
        return Decision(Action.HOLD, "the difference was settled before; neither side moved since")
    if they_moved and not we_moved and not situation.open_outbound:
        return _theirs_wins(situation, theirs.sets, "only ResMan moved")
    if not enforceable(situation.now.resman_status, ours):
        return _unenforceable(situation, theirs.sets)
    if not they_moved:
        return _ours_wins(situation, "only DomIQ moved")
    return _both_moved(situation, ours, theirs.sets)


def enforceable(resman_status: str, ours: LeadStatus) -> bool:
    """Whether an event posted from outside could bring a lead at this ResMan status to ours: an
    applicant or resident cannot be made a prospect again."""
    if resman_status == RESMAN_RESIDENT:
        return ours in _RESIDENT_MAY_BECOME
    return resman_status != RESMAN_APPLICANT or ours in _APPLICANT_MAY_BECOME


def _unenforceable(situation: Situation, theirs: LeadStatus) -> Decision:
    reason = f"ResMan's {situation.now.resman_status} cannot be undone from DomIQ"
    if situation.policy is ConflictPolicy.MANUAL_REVIEW:
        return Decision(Action.REVIEW, reason)
    return _theirs_wins(situation, theirs, reason)


def _both_moved(situation: Situation, ours: LeadStatus, theirs: LeadStatus) -> Decision:
    policy = situation.policy
    reason = f"both moved: {policy.value}"
    if policy is ConflictPolicy.MANUAL_REVIEW:
        return Decision(Action.REVIEW, reason)
    domiq_wins = policy is ConflictPolicy.DOMIQ_WINS or (
        policy is ConflictPolicy.FURTHEST_PROGRESS and progress(ours) > progress(theirs)
    )
    return _ours_wins(situation, reason) if domiq_wins else _theirs_wins(situation, theirs, reason)


def _ours_wins(situation: Situation, reason: str) -> Decision:
    if not situation.outbound:
        return Decision(Action.HOLD, f"{reason}, but the property does not push")
    if situation.open_outbound:
        return Decision(Action.HOLD, f"{reason}: the open change will tell ResMan")
    if situation.push_failed:
        return Decision(Action.HOLD, f"{reason}: the push of this status failed and waits for a retry")
    return Decision(Action.PUSH, reason)


def _theirs_wins(situation: Situation, new_status: LeadStatus, reason: str) -> Decision:
    if not situation.inbound:
        return Decision(Action.HOLD, f"{reason}, but the property does not take statuses from ResMan")
    return Decision(Action.APPLY, reason, new_status)
