"""What comes by is kept only when its answer was whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from domiq_dagster.sync.linking.finder import Candidate
from domiq_dagster.sync.pull.candidates import CandidateBuffer


class Finder:
    """Finds every prospect whose id is even of interest, and notes what it is shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def prefilter(self, prospects: Iterable[int]) -> list[Candidate]:
        return [Candidate(str(p), None, "Prospect", ()) for p in prospects if p % 2 == 0]

    def observe(self, candidate: Candidate) -> None:
        self.shown.append(candidate.prospect_id)


@pytest.fixture
def finder() -> Any:
    return Finder()


def test_what_is_nobodys_is_let_go(finder: Any) -> None:
    buffer = CandidateBuffer(finder)
    buffer.add(range(5))  # type: ignore[arg-type]
    buffer.keep()
    buffer.show(finder)
    assert finder.shown == ["0", "2", "4"]


def test_what_an_answer_showed_before_it_broke_off_did_not_happen(finder: Any) -> None:
    buffer = CandidateBuffer(finder)
    buffer.add([0])  # type: ignore[arg-type]
    buffer.keep()
    buffer.add([2])  # type: ignore[arg-type]
    buffer.drop()
    buffer.add([4])  # type: ignore[arg-type]
    buffer.keep()
    buffer.show(finder)
    assert finder.shown == ["0", "4"]


def test_it_can_be_shown_again(finder: Any) -> None:
    buffer = CandidateBuffer(finder)
    buffer.add([0])  # type: ignore[arg-type]
    buffer.keep()
    another = Finder()
    buffer.show(finder)
    buffer.show(another)  # type: ignore[arg-type]
    assert another.shown == finder.shown == ["0"]
