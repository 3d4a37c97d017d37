"""A stand-in in a process of its own, and hands on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fixtures.standin_hand import Hand, Process, Wording


@pytest.fixture(scope="session")
def say() -> type[Wording]:
    return Wording


@pytest.fixture(scope="session")
def started() -> type[Process]:
    """Starts further servers: the test that starts one stops it."""
    return Process


@pytest.fixture(scope="session")
def server() -> Iterator[Process]:
    process = Process("--port", "0", "--prospects", "24")
    yield process
    code, errors = process.stop()
    assert (code, errors) == (0, b"")


@pytest.fixture
def hand(server: Process) -> Iterator[Hand]:
    """A hand on the shared server, with a fresh world of two prospects per property."""
    hand = Hand(str(server.ready["url"]))
    hand.reset(seed=7, prospects=24)
    yield hand
    hand.http.close()


@pytest.fixture
def hand_on() -> Iterator[Callable[[str], Hand]]:
    """Makes hands on other servers."""
    hands: list[Hand] = []

    def make(url: str) -> Hand:
        hands.append(Hand(url))
        return hands[-1]

    yield make
    for hand in hands:
        hand.http.close()
