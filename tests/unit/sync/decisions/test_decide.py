"""The three-way decision: every case in a table, and what must hold in all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.sync.decisions.decide import Action, Pair, Situation, decide, enforceable
from domiq_dagster.sync.status_map import ConflictPolicy, DomiqMeaning, LeadStatus, ResmanMeaning, StatusMap

EARLY = frozenset({LeadStatus.NEW, LeadStatus.CONTACTED, LeadStatus.QUALIFIED, LeadStatus.TOUR_SCHEDULED})
MAP = StatusMap(
    {s.value: DomiqMeaning(s, "Other") for s in LeadStatus}
    | {"engaged": DomiqMeaning(LeadStatus.CONTACTED, "Contact")},
    {
        "Prospect": ResmanMeaning(EARLY, LeadStatus.CONTACTED),
        "Applicant": ResmanMeaning(frozenset({LeadStatus.APPLICATION}), LeadStatus.APPLICATION),
        "Resident": ResmanMeaning(frozenset({LeadStatus.LEASED}), LeadStatus.LEASED),
        "Lost": ResmanMeaning(frozenset({LeadStatus.LOST}), LeadStatus.LOST),
    },
)
POLICIES = list(ConflictPolicy)
RESMAN, DOMIQ = ConflictPolicy.RESMAN_WINS, ConflictPolicy.DOMIQ_WINS
FURTHEST, MANUAL = ConflictPolicy.FURTHEST_PROGRESS, ConflictPolicy.MANUAL_REVIEW
NO, OPEN = False, True
APPLY, PUSH, HOLD, REVIEW = Action.APPLY, Action.PUSH, Action.HOLD, Action.REVIEW

# agreed (DomIQ, ResMan) or None | now | is a change open | policy or None for all | action | new status
CASES = [
    # nothing agreed yet: both count as moved
    (None, ("qualified", "Prospect"), NO, None, Action.AGREE, None),
    (None, ("qualified", "Prospect"), OPEN, None, HOLD, None),
    (None, ("contacted", "Lost"), NO, RESMAN, APPLY, "lost"),
    (None, ("contacted", "Lost"), NO, DOMIQ, PUSH, None),
    (None, ("contacted", "Lost"), OPEN, DOMIQ, HOLD, None),
    (None, ("contacted", "Lost"), NO, FURTHEST, PUSH, None),
    (None, ("lost", "Prospect"), NO, FURTHEST, APPLY, "contacted"),
    (None, ("contacted", "Lost"), NO, MANUAL, REVIEW, None),
    # neither moved: an accepted difference stays, unless a change is open
    (("application", "Prospect"), ("application", "Prospect"), NO, None, HOLD, None),
    (("application", "Prospect"), ("application", "Prospect"), OPEN, None, HOLD, None),
    (("contacted", "Prospect"), ("contacted", "Prospect"), NO, None, Action.AGREE, None),
    # another word for the same status is no move
    (("contacted", "Lost"), ("engaged", "Lost"), NO, None, HOLD, None),
    # only DomIQ moved
    (("contacted", "Prospect"), ("qualified", "Prospect"), NO, None, Action.AGREE, None),
    (("contacted", "Prospect"), ("lost", "Prospect"), NO, None, PUSH, None),
    (("contacted", "Prospect"), ("lost", "Prospect"), OPEN, None, HOLD, None),
    (("lost", "Lost"), ("qualified", "Lost"), NO, None, PUSH, None),
    (("application", "Applicant"), ("lost", "Applicant"), NO, None, PUSH, None),
    # only ResMan moved, whatever the policy
    (("contacted", "Prospect"), ("contacted", "Lost"), NO, None, APPLY, "lost"),
    (("contacted", "Prospect"), ("contacted", "Applicant"), NO, None, APPLY, "application"),
    (("application", "Applicant"), ("application", "Resident"), NO, None, APPLY, "leased"),
    (("lost", "Lost"), ("lost", "Prospect"), NO, None, APPLY, "contacted"),
    (("application", "Prospect"), ("application", "Applicant"), NO, None, Action.AGREE, None),
    # both moved: the policy
    (("contacted", "Prospect"), ("qualified", "Lost"), NO, RESMAN, APPLY, "lost"),
    (("contacted", "Prospect"), ("qualified", "Lost"), OPEN, RESMAN, APPLY, "lost"),
    (("contacted", "Prospect"), ("qualified", "Lost"), NO, DOMIQ, PUSH, None),
    (("contacted", "Prospect"), ("qualified", "Lost"), OPEN, DOMIQ, HOLD, None),
    (("contacted", "Prospect"), ("qualified", "Lost"), NO, FURTHEST, PUSH, None),
    (("contacted", "Prospect"), ("lost", "Applicant"), NO, FURTHEST, APPLY, "application"),
    (("contacted", "Prospect"), ("qualified", "Lost"), NO, MANUAL, REVIEW, None),
    (("contacted", "Prospect"), ("qualified", "Lost"), OPEN, MANUAL, REVIEW, None),
    # an open change is a move of DomIQ's, even if the status is the agreed one again
    (("contacted", "Prospect"), ("contacted", "Lost"), OPEN, DOMIQ, HOLD, None),
    (("contacted", "Prospect"), ("contacted", "Lost"), OPEN, RESMAN, APPLY, "lost"),
    # what no post can bring about: ResMan wins under every policy, or a person looks at it
    (("application", "Applicant"), ("qualified", "Applicant"), NO, RESMAN, APPLY, "application"),
    (("application", "Applicant"), ("qualified", "Applicant"), OPEN, DOMIQ, APPLY, "application"),
    (("contacted", "Prospect"), ("qualified", "Resident"), NO, FURTHEST, APPLY, "leased"),
    (("leased", "Resident"), ("lost", "Resident"), OPEN, DOMIQ, APPLY, "leased"),
    (("application", "Applicant"), ("qualified", "Applicant"), NO, MANUAL, REVIEW, None),
]


def situation(
    agreed: tuple[str, str] | None, now: tuple[str, str], open_: bool, policy: ConflictPolicy
) -> Situation:
    return Situation(Pair(*agreed) if agreed else None, Pair(*now), open_, policy)


@pytest.mark.parametrize(("agreed", "now", "open_", "policy", "action", "new"), CASES)
def test_the_table(
    agreed: tuple[str, str] | None,
    now: tuple[str, str],
    open_: bool,
    policy: ConflictPolicy | None,
    action: Action,
    new: str | None,
) -> None:
    for one in POLICIES if policy is None else [policy]:
        decision = decide(situation(agreed, now, open_, one), MAP)
        assert (decision.action, decision.new_status) == (action, new), decision.reason
        assert decision.reason


def test_directions_hold_back_what_they_forbid() -> None:
    apply = situation(("contacted", "Prospect"), ("contacted", "Lost"), NO, RESMAN)
    push = situation(("contacted", "Prospect"), ("lost", "Prospect"), NO, RESMAN)
    assert decide(replace(apply, inbound=False), MAP).action is HOLD
    assert decide(replace(apply, outbound=False), MAP).action is APPLY
    assert decide(replace(push, outbound=False), MAP).action is HOLD
    assert decide(replace(push, inbound=False), MAP).action is PUSH


def test_a_failed_push_is_not_repeated_by_itself() -> None:
    push = situation(("contacted", "Prospect"), ("lost", "Prospect"), NO, RESMAN)
    assert decide(replace(push, push_failed=True), MAP).action is HOLD


def test_a_conversation_newer_than_resman_s_news_speaks_first() -> None:
    first = situation(None, ("contacted", "Lost"), NO, RESMAN)
    assert decide(first, MAP).action is APPLY
    assert decide(replace(first, domiq_is_newer=True), MAP).action is PUSH
    beyond = replace(first, now=Pair("contacted", "Resident"), domiq_is_newer=True)
    assert decide(beyond, MAP).action is APPLY


@pytest.mark.parametrize(
    ("ours", "theirs"), [(None, "Lost"), ("active", "Lost"), ("contacted", "Former"), (None, "")]
)
def test_words_without_meaning_are_left_alone(ours: str | None, theirs: str) -> None:
    for policy in POLICIES:
        assert decide(situation(None, (ours, theirs), NO, policy), MAP).action is Action.LEAVE  # type: ignore[arg-type]


def test_what_can_be_enforced() -> None:
    assert all(enforceable("Prospect", s) and enforceable("Lost", s) for s in LeadStatus)
    assert {s for s in LeadStatus if enforceable("Applicant", s)} == {"application", "leased", "lost"}
    assert {s for s in LeadStatus if enforceable("Resident", s)} == {"leased"}


ours = st.one_of(st.none(), st.sampled_from([*LeadStatus, "engaged", "active"]), st.text(max_size=60))
theirs = st.one_of(st.sampled_from(["Prospect", "Applicant", "Resident", "Lost"]), st.text(max_size=60))
pairs = st.builds(Pair, ours, theirs)
situations = st.builds(
    Situation,
    agreed=st.one_of(st.none(), pairs),
    now=pairs,
    open_outbound=st.booleans(),
    policy=st.sampled_from(POLICIES),
    inbound=st.booleans(),
    outbound=st.booleans(),
    push_failed=st.booleans(),
    domiq_is_newer=st.booleans(),
)


@given(situations)
def test_in_every_situation(case: Situation) -> None:
    decision = decide(case, MAP)
    if decision.action is APPLY:
        assert decision.new_status is not None
        assert case.inbound
        assert MAP.covers(case.now.resman_status, decision.new_status)
        assert decision.new_status != MAP.lead_status(case.now.domiq_status)
    else:
        assert decision.new_status is None
    if decision.action is PUSH:
        assert case.outbound and not case.open_outbound and not case.push_failed
    if decision.action is REVIEW:
        assert case.policy is MANUAL


@given(situations)
def test_once_a_pair_is_agreed_nothing_more_is_done(case: Situation) -> None:
    settled = replace(case, agreed=case.now, open_outbound=False)
    assume_known = decide(settled, MAP)
    if assume_known.action is not Action.LEAVE and enforceable(
        case.now.resman_status, MAP.lead_status(case.now.domiq_status) or LeadStatus.NEW
    ):
        assert assume_known.action in (HOLD, Action.AGREE)


@given(situations)
def test_what_was_applied_agrees(case: Situation) -> None:
    decision = decide(case, MAP)
    if decision.action is APPLY:
        after = Pair(decision.new_status, case.now.resman_status)
        again = replace(case, agreed=after, now=after, open_outbound=False)
        assert decide(again, MAP).action is Action.AGREE
