"""What a pull could not read: which of it is named, and what keeps the watermark where it is."""

from __future__ import annotations

from domiq_dagster.resman.prospect import WITHOUT_ID, UnreadableProspect
from domiq_dagster.sync.pull.unreadable import UnreadableProspects


def noted(count: int) -> UnreadableProspects:
    unreadable = UnreadableProspects(())
    for n in range(count):
        unreadable.note(UnreadableProspect(f"id-{n}", "lastModified is no time", f"id-{n}"))
    return unreadable


def test_those_with_an_id_do_not_keep_the_watermark() -> None:
    assert not noted(1_000).has_nameless


def test_one_without_an_id_keeps_the_watermark() -> None:
    unreadable = noted(1)
    unreadable.note(UnreadableProspect("without-id-1", "it has no id", None))
    assert unreadable.has_nameless


def test_more_than_can_be_named_keep_the_watermark() -> None:
    unreadable = noted(1_001)
    assert len(unreadable) == 1_000
    assert unreadable.has_nameless


def test_each_has_its_turn_to_be_asked_for_again() -> None:
    """A1: those that were met least lately come first, so that none beyond the first 200 is forgotten."""
    unreadable = UnreadableProspects(["z", f"{WITHOUT_ID}1", "a", "m"])
    unreadable.note_read(["a"])
    assert unreadable.to_ask_again() == ["z", "m"]
