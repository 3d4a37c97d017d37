"""Whatever is wrong with some records, of any kind and in any field: the others end as without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domiq_dagster.db.engine import make_engine
from tests.depth import examples
from tests.fixtures.world import Standin, World, _build
from tests.machine.spoiled import SPOILERS, Spoiled, Stage

pytestmark = pytest.mark.soaked

_PLACES = st.integers(0, 2)
_SPOILED = st.lists(
    st.builds(
        Spoiled,
        kind=st.sampled_from(sorted(SPOILERS)),
        property_number=_PLACES,
        column=st.integers(0, 250),
        value=st.integers(0, 250),
    ),
    min_size=6,
    max_size=24,
)
Open = Callable[[], Any]


@pytest.fixture
def new_stage(
    make_template: Callable[[str, Callable[[str], None]], str],
    make_database: Callable[..., str],
    standin: Standin,
) -> Open:
    @contextmanager
    def stage() -> Iterator[Stage]:
        standin.control("reset", {"seed": 3, "empty": True})
        url = make_database(make_template("sync_template", _build))
        engine = make_engine(url, pool_size=10)
        world = World(engine, url, standin)
        try:
            yield Stage(world)
            assert world.conservation() == []
            assert world.kept_locks() == []
            assert world.repeated_markers() == []
        finally:
            world.closing.close()
            engine.dispose()

    return stage


def test_the_others_end_exactly_as_without_the_spoiled_ones(new_stage: Open) -> None:
    """A1, A2, A3, B, D2: by property, of a derandomized draw."""
    with new_stage() as stage:
        stage.build()
        stage.run()
        without: Mapping[str, Any] = stage.found()
    assert len(without) == 9
    assert {ended["status"] for ended in without.values()} == {"application", "qualified", "tour_scheduled"}
    seen: set[str] = set()

    @settings(max_examples=examples(6), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_SPOILED)
    def holds(spoiled: list[Spoiled]) -> None:
        with new_stage() as stage:
            stage.build()
            stage.spoil(spoiled)
            stage.run()
            found = stage.found()
            seen.update(each.kind for each in spoiled)
        assert found == {called: without[called] for called in found}
        assert len(found) == (6 if stage.lost else 9)

    holds()
    assert seen == set(SPOILERS)
