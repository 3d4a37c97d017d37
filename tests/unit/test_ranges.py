"""Which runs are asked for: few, and none over many properties that need none."""

from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.ranges import RANGE_END, RANGE_START, all_properties, covered, ranges

KEYS = [f"p{n:03}" for n in range(1000)]


def spans(wanted: set[str], **limits: int) -> list[tuple[str, str]]:
    return [(tags[RANGE_START], tags[RANGE_END]) for tags in ranges(KEYS, wanted, **limits)]


def test_one_run_takes_all_of_an_outage_and_two_take_gaps_at_both_ends() -> None:
    assert spans(set()) == []
    assert spans(set(KEYS)) == [("p000", "p999")]
    assert spans({"p000", "p999"}) == [("p000", "p000"), ("p999", "p999")]
    assert spans({"p003", "p009"}) == [("p003", "p009")]


def test_there_are_never_more_runs_than_allowed_and_the_smallest_holes_are_bridged() -> None:
    wanted = {"p000", "p100", "p150", "p500", "p900"}
    assert spans(wanted) == [("p000", "p150"), ("p500", "p500"), ("p900", "p900")]
    assert spans(wanted, most=1) == [("p000", "p900")]


@given(st.sets(st.sampled_from(KEYS)), st.integers(1, 5), st.integers(0, 30))
def test_whatever_is_wanted_is_covered_once(wanted: set[str], most: int, bridge: int) -> None:
    found = [covered(KEYS, tags) for tags in ranges(KEYS, wanted, most=most, bridge=bridge)]
    assert len(found) <= most
    assert wanted <= set().union(*found)
    assert sum(map(len, found)) == len(set().union(*found))
    for keys in found:
        assert {min(keys), max(keys)} <= wanted


def test_a_run_tells_by_its_tags_which_keys_it_is_about() -> None:
    assert covered(KEYS, {"dagster/partition": "p001"}) == {"p001"}
    assert covered(KEYS, all_properties(KEYS)) == set(KEYS)
    assert covered(KEYS, {}) == covered(KEYS, {RANGE_START: "gone", RANGE_END: "p001"}) == set()
