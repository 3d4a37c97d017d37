"""docs/decision-table.md is what the code decides, and every case stands in it once."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, fields
from itertools import product
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.sync.decisions.decide import Action, Case, Pair, Situation, classify, decide, rule_on
from domiq_dagster.sync.decisions.decision_table import all_cases, fold, markdown, sections
from domiq_dagster.sync.status_map import SHIPPED, ConflictPolicy

PAGE = Path(__file__).resolve().parents[4] / "docs" / "decision-table.md"


def test_the_page_is_what_the_code_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m domiq_dagster.sync.decisions.decision_table > docs/decision-table.md"
    )


def test_every_case_stands_in_exactly_one_row_with_what_it_is_ruled() -> None:
    names = [f.name for f in fields(Case)]
    found: Counter[Case] = Counter()
    for title, rows in sections():
        for row, outcome in rows:
            for values in product(*(row[name] for name in names)):
                case = Case(*values)
                found[case] += 1
                assert rule_on(case) == outcome
                assert title == "Under every policy" or title == f"`{case.policy.value}`"
    assert set(found) == set(all_cases())
    assert set(found.values()) == {1}


def test_folding_keeps_apart_what_ends_differently() -> None:
    cases = list(all_cases())[:64]
    ruled = {case: (Action.HOLD, str(n % 3)) for n, case in enumerate(cases)}
    rows = fold(ruled)
    assert 3 <= len(rows) < len(cases)
    for case, outcome in ruled.items():
        inside = [
            got
            for row, got in rows
            if all(v in row[f.name] for v, f in zip(astuple(case), fields(Case), strict=True))
        ]
        assert inside == [outcome]


WORDS = st.sampled_from([*SHIPPED.domiq, "active", None])
THEIRS = st.sampled_from(
    [*SHIPPED.resman, "Applicant/Approved", "Resident/Former", "Resident/Evicted", "Former", ""]
)
PAIRS = st.builds(Pair, WORDS, THEIRS)


@given(
    st.builds(
        Situation,
        agreed=st.none() | PAIRS,
        now=PAIRS,
        open_outbound=st.booleans(),
        policy=st.sampled_from(list(ConflictPolicy)),
        inbound=st.booleans(),
        outbound=st.booleans(),
        push_failed=st.booleans(),
        domiq_is_newer=st.booleans(),
        under_way=st.booleans(),
    )
)
def test_what_is_decided_about_a_situation_is_what_the_table_says_of_its_case(situation: Situation) -> None:
    action, reason = rule_on(classify(situation, SHIPPED))
    decision = decide(situation, SHIPPED)
    assert decision.action is action
    assert decision.reason == reason.format(resman_status=situation.now.resman_status)
