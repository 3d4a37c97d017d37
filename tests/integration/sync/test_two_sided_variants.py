"""The two-sided machine catches an inbound half that is broken in one way or another:
tests/machine/two_sided_variants.py. Each test names the invariant that catches it, and the story that
suffices (the whole engine passes all of them)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from domiq_dagster.db.embedded import EmbeddedServer
from tests.machine import two_sided_variants as variants
from tests.machine.checks import Broken
from tests.machine.harness import Harness, harness_at, migrated
from tests.machine.two_sided_stories import (
    EARLY,
    LATE_NEWS,
    LOST_TIME,
    NEWS,
    ONE_SIDE_MOVED,
    STALE_DECISION,
    UNSEEN_MOVE,
    Step,
    slow_pull,
    told,
)


@pytest.fixture(scope="module")
def harness(pg_server: EmbeddedServer) -> Iterator[Harness]:
    with harness_at(migrated(pg_server, "broken_two_sided")) as harness:
        yield harness


STORY_OF = {
    variants.echo: (NEWS, "lost", "resman_wins"),  # more changes are logged than were made
    variants.watermark_ahead: (LATE_NEWS, "agreement", "resman_wins"),
    variants.stale_apply: (STALE_DECISION, "decision", "domiq_wins"),
    variants.blind_after_restore: (LOST_TIME, "(overwritten|duplicate)", "resman_wins"),
    variants.blind_post: (UNSEEN_MOVE, "overwritten", "resman_wins"),
    variants.no_base: (ONE_SIDE_MOVED, "decision", "resman_wins"),
}


def caught(harness: Harness, steps: list[Step], invariant: str, policy: str) -> None:
    """The machine, as it is, breaks on this invariant."""
    with pytest.raises(Broken, match=f"^{invariant}: "):
        told(harness, steps, policy=policy)


@pytest.mark.parametrize("variant", STORY_OF, ids=lambda variant: variant.__name__)
def test_a_broken_variant_is_caught(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, variant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    variant(monkeypatch)
    caught(harness, *STORY_OF[variant])


@pytest.mark.parametrize("variant", STORY_OF, ids=lambda variant: variant.__name__)
def test_its_story_passes_where_nothing_is_broken(
    harness: Harness, variant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    steps, _, policy = STORY_OF[variant]
    told(harness, steps, policy=policy)


def test_telling_a_property_that_was_never_pulled_is_caught(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants.tells_early(monkeypatch)
    with pytest.raises(Broken, match=r"^early: "):
        told(harness, EARLY, early=True)


def test_a_slow_pull_that_brings_old_news_is_caught(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At which of its moments the answer is read and not yet stored is the engine's matter."""
    variants.old_news(monkeypatch)
    for moment in range(4, 11):
        try:
            told(harness, slow_pull(moment))
        except Broken as broken:
            assert str(broken).startswith("flip-flop: ")
            return
    pytest.fail("no moment was found at which a slow pull does harm")
