"""What comes by is kept only when its answer was whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from domiq_dagster.sync.linking.finder import Sighting
from domiq_dagster.sync.pull.candidates import Glance


class Finder:
    """Finds every prospect whose id is even of interest, and notes what it is shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def sight(self, prospects: Iterable[int]) -> list[Sighting]:
        return [Sighting(str(p), None, "Prospect", ()) for p in prospects if p % 2 == 0]

    def see(self, sighting: Sighting) -> None:
        self.shown.append(sighting.prospect_id)


@pytest.fixture
def finder() -> Any:
    return Finder()


def test_what_is_nobodys_is_let_go(finder: Any) -> None:
    glance = Glance(finder)
    glance.look(range(5))  # type: ignore[arg-type]
    glance.keep()
    glance.show(finder)
    assert finder.shown == ["0", "2", "4"]


def test_what_an_answer_showed_before_it_broke_off_did_not_happen(finder: Any) -> None:
    glance = Glance(finder)
    glance.look([0])  # type: ignore[arg-type]
    glance.keep()
    glance.look([2])  # type: ignore[arg-type]
    glance.drop()
    glance.look([4])  # type: ignore[arg-type]
    glance.keep()
    glance.show(finder)
    assert finder.shown == ["0", "4"]


def test_it_can_be_shown_again(finder: Any) -> None:
    glance = Glance(finder)
    glance.look([0])  # type: ignore[arg-type]
    glance.keep()
    another = Finder()
    glance.show(finder)
    glance.show(another)  # type: ignore[arg-type]
    assert another.shown == finder.shown == ["0"]
