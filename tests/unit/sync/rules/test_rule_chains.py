"""Chains of rules end, loops are found beforehand, and a replay of the same log gives the same moves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from domiq_dagster.sync.rules.compile import RuleBook, RuleRow, compile_rules
from domiq_dagster.sync.rules.evaluate import MAX_DEPTH, RuleOutcome
from domiq_dagster.sync.rules.facts import CHANGE_FIELDS, Catalogue, Facts, FieldKind, LoggedChange
from domiq_dagster.sync.rules.loops import find_loops
from domiq_dagster.sync.rules.replay import ReplayedRule, RuleReplay
from domiq_dagster.sync.status_map import LeadStatus
from tests.depth import examples

SPACE = UUID(int=0)
WORDS = list(LeadStatus)
MEANINGS = {word.value: word for word in WORDS}
CATALOGUE = Catalogue({"status": FieldKind.TEXT, "lead_score": FieldKind.NUMBER}, messages=True)
AT = datetime(2026, 3, 6, 15, 30, tzinfo=UTC)
CONDITIONS: list[Any] = [
    None,
    None,
    {"lead_score": 50},
    {"updated_by": "chatbot"},
    {"not": {"updated_by": "system"}},
    {"any": [{"old_status": "new"}, {"lead_score": {"lt": 30}}]},
]
ACTIONS: list[Any] = [None, [{"type": "update_lead_score", "config": {"add": 25}}]]

rule_sets = st.lists(
    st.tuples(
        st.sampled_from(WORDS),
        st.none() | st.sampled_from(WORDS),
        st.sampled_from(CONDITIONS),
        st.sampled_from(ACTIONS),
    ),
    max_size=30,
)
logs = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(WORDS), st.sampled_from(["to_resman", "from_resman"])),
    max_size=12,
)


def book_of(rules: list[tuple[Any, Any, Any, Any]]) -> RuleBook:
    rows = [RuleRow(uuid5(SPACE, str(n)), SPACE, *rule) for n, rule in enumerate(rules)]
    book = compile_rules(rows, CATALOGUE, MEANINGS)
    assert not any(r.problems for r in book.rules)
    return book


def replayed(book: RuleBook, log: list[tuple[int, str, str]], score: int) -> list[ReplayedRule]:
    status: dict[int, str] = {}
    changes, facts = [], {}
    for n, (conversation, word, direction) in enumerate(log):
        change_id = uuid5(SPACE, f"change {n}")
        row: dict[str, Any] = dict.fromkeys(CHANGE_FIELDS) | {
            "old_status": status.get(conversation), "new_status": word,
            "updated_by": "chatbot" if direction == "to_resman" else "resman_user",
            "sync_direction": direction, "created_at": AT,
        }  # fmt: skip
        status[conversation] = word
        changes.append(
            LoggedChange(
                **row,
                change_id=change_id,
                seq=n,
                conversation_id=uuid5(SPACE, f"c{conversation}"),
                logged_at=AT,
                caused_by=None,
                cause_rule_id=None,
                chain_depth=0,
                context_data=None,
            )
        )
        facts[change_id] = Facts(row, {"status": word, "lead_score": score}, {}, AT, None, 1)
    return list(RuleReplay(book, "both").feed(changes, facts))


@settings(max_examples=examples(150))
@given(rule_sets, logs, st.integers(0, 100))
def test_any_set_of_rules_ends_and_a_replay_gives_the_same(
    rules: list[Any], log: list[Any], score: int
) -> None:
    book = book_of(rules)
    replays = replayed(book, log, score)
    assert replays == replayed(book, log, score)
    assert max((s.depth for s in replays), default=0) <= MAX_DEPTH + len(log)
    for change in {s.change_id for s in replays}:
        of_change = [s for s in replays if s.change_id == change]
        ran = [s.rule.id for s in of_change if s.outcome is RuleOutcome.RAN]
        assert len(ran) == len(set(ran)), "no rule runs twice in a chain"
        moves = [s for s in of_change if s.move]
        assert len(moves) <= MAX_DEPTH
        assert len({s.depth for s in moves}) == len(moves), "a change causes at most one other"


@settings(max_examples=examples(150))
@given(rule_sets, st.sampled_from(WORDS), st.integers(0, 100))
def test_a_chain_that_is_stopped_in_a_loop_was_found_beforehand(
    rules: list[Any], word: str, score: int
) -> None:
    book = book_of(rules)
    replays = replayed(book, [(0, word, "to_resman")], score)
    circled = [
        s for s in replays if s.outcome is RuleOutcome.STOPPED and s.rule.target not in (None, s.rule.trigger)
    ]
    if circled:
        assert find_loops(book.rules)


def test_loops_are_the_shortest_and_found_once() -> None:
    book = book_of(
        [
            ("new", "contacted", None, None),
            ("contacted", "qualified", None, None),
            ("qualified", "contacted", {"lead_score": 5}, None),
            ("qualified", "new", None, None),
            ("lost", "lost", None, None),
            ("leased", "lost", None, None),
        ]
    )
    first, second = find_loops(book.rules)
    assert [r.trigger for r in first] == ["new", "contacted", "qualified"]
    assert [r.trigger for r in second] == ["qualified", "contacted"]


def test_a_rule_that_asks_for_the_chatbot_ends_a_loop() -> None:
    for condition in ({"updated_by": "chatbot"}, {"not": {"updated_by": ["system", "resman_user"]}}):
        book = book_of([("new", "lost", None, None), ("lost", "new", condition, None)])
        assert find_loops(book.rules) == []
    book = book_of([("new", "lost", None, None), ("lost", "new", {"old_status": "new"}, None)])
    assert len(find_loops(book.rules)) == 1


def test_a_long_way_is_cut_at_the_greatest_depth() -> None:
    words = {f"word {n}": LeadStatus.CONTACTED for n in range(20)}
    rows = [RuleRow(uuid5(SPACE, str(n)), SPACE, f"word {n}", f"word {n + 1}", None, None) for n in range(19)]
    book = compile_rules(rows, CATALOGUE, words)
    replays = replayed(book, [(0, "word 0", "to_resman")], 0)
    assert [s.outcome for s in replays] == [RuleOutcome.RAN] * MAX_DEPTH + [RuleOutcome.STOPPED]
    assert replays[-1].why == "the chain is 10 changes long already"
