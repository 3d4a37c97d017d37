"""The deadline of a whole exchange with ResMan, on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from domiq_dagster.resman.deadline import DeadlinePassed, Exchange, seconds_now
from domiq_dagster.resman.errors import Disposition, NoAnswer, Unreachable
from domiq_dagster.resman.models import LeadEvent, LeadPost

Served = Callable[[Callable[[socket.socket], None]], str]
ANSWER = b"<MITS><Response><Status>Success</Status></Response></MITS>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def served() -> Iterator[Served]:
    """A server that takes one connection and serves it as told. Gives its address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def serve(handle: Callable[[socket.socket], None]) -> str:
            def life() -> None:
                with suppress(OSError), listener.accept()[0] as peer:
                    handle(peer)

            threading.Thread(target=life, daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield serve


def drip(peer: socket.socket, data: bytes) -> None:
    for n in range(len(data)):
        peer.sendall(data[n : n + 1])
        time.sleep(0.02)


def dripping_body(peer: socket.socket) -> None:
    peer.recv(65536)
    peer.sendall(HEAD % 1000)
    drip(peer, b"<" * 1000)


def dripping_headers(peer: socket.socket) -> None:
    peer.recv(65536)
    drip(peer, b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200)


def nothing_is_read(peer: socket.socket) -> None:
    time.sleep(3)


def slow_reading(peer: socket.socket) -> None:
    for _ in range(300):
        peer.recv(2000)
        time.sleep(0.02)


@pytest.mark.parametrize("handle", [dripping_body, dripping_headers, nothing_is_read, slow_reading])
def test_a_post_ends_at_its_deadline_whatever_drips(
    served: Served, make_client: Callable[..., Any], handle: Callable[[socket.socket], None]
) -> None:
    """D6: each byte is in time, the whole is not; what became of a post that was sent nobody knows."""
    client = make_client(served(handle), longest_write=0.3)
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="too long as a whole") as late:
        client.post_lead("400", "prop-1", lead(words=4_000_000 if handle is slow_reading else 10))
    assert time.monotonic() - began < 2.8  # the peers go on for 3 s and longer
    assert late.value.disposition is Disposition.UNKNOWN


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 " + b"O" * 200, b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200]
)
def test_a_proxy_that_drips_while_it_opens_a_tunnel_keeps_nobody(
    served: Served, make_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    def drips(peer: socket.socket) -> None:
        peer.recv(65536)
        drip(peer, answer)

    monkeypatch.setenv("https_proxy", served(drips))
    monkeypatch.setenv("no_proxy", "")
    client = make_client("https://resman.example", longest_write=0.3)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="nothing was sent, the time for it was over"):
        client.post_lead("400", "prop-1", lead())
    assert time.monotonic() - began < 2.8  # the peers go on for 3 s and longer


def test_a_handshake_through_a_tunnel_has_what_is_left(
    served: Served, make_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def opens_and_is_silent(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while peer.recv(65536):
            pass

    monkeypatch.setenv("https_proxy", served(opens_and_is_silent))
    monkeypatch.setenv("no_proxy", "")
    client = make_client("https://resman.example", longest_write=1.3)
    began = time.monotonic()
    with pytest.raises(Unreachable):
        client.post_lead("400", "prop-1", lead())
    assert 1.1 < time.monotonic() - began < 2.5


def test_a_pull_that_drips_ends_and_one_that_flows_goes_on(
    served: Served, make_client: Callable[..., Any]
) -> None:
    """D6: a large answer earns its time by what it brings."""
    client = make_client(served(dripping_body), longest_read=0.3)
    with pytest.raises(NoAnswer) as late:
        client.properties("400")
    assert late.value.disposition is Disposition.TRANSIENT

    def flowing(peer: socket.socket) -> None:
        peer.recv(65536)
        piece = b" " * 65536
        body = b'{"properties": []}'
        peer.sendall(HEAD.replace(b"xml", b"json") % (10 * len(piece) + len(body)))
        for _ in range(10):
            peer.sendall(piece)
            time.sleep(0.06)
        peer.sendall(body)

    began = time.monotonic()
    assert make_client(served(flowing), longest_read=0.3).properties("400") == []
    assert time.monotonic() - began > 0.5


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Ours:
    """A permit."""

    since, until = 1000.0, 1040.0

    def __init__(self) -> None:
        self.looks = 0

    def look(self) -> None:
        self.looks += 1


def test_an_answer_of_a_megabyte_a_second_may_take_minutes_but_not_for_ever() -> None:
    clock = Clock()
    exchange = Exchange(write=False, clock=clock)
    for _ in range(299):
        clock.now += 1
        exchange.moved(1_000_000)
        exchange.wait()
    clock.now += 2
    with pytest.raises(DeadlinePassed):
        exchange.wait()


def test_an_exchange_ends_with_its_permit_however_long_it_was_frozen() -> None:
    """D10: the time is counted from before the slot was marked, and goes on while the process stands
    still."""
    clock, ours = Clock(), Ours()
    exchange = Exchange(write=True, permit=ours, clock=clock)
    clock.now += 29
    assert exchange.wait() == 1
    assert ours.looks == 1
    clock.now += 30
    with pytest.raises(DeadlinePassed):
        exchange.left()
    reading = Exchange(write=False, permit=ours, clock=clock)
    with pytest.raises(DeadlinePassed):  # long enough for a read, but the slot is another's
        reading.left()
    assert seconds_now() > 0


def test_a_post_whose_time_is_over_is_not_sent(served: Served, make_client: Callable[..., Any]) -> None:
    """D10: and that it was not is known for certain."""
    seen: list[bytes] = []
    client = make_client(served(lambda peer: seen.append(peer.recv(65536))), longest_write=1e-9)
    with pytest.raises(Unreachable, match="nothing was sent"):
        client.post_lead("400", "prop-1", lead())
    assert seen in ([], [b""])


def lead(words: int = 10) -> LeadPost:
    event = LeadEvent(
        event_type="Other", event_date=datetime(2031, 5, 5, tzinfo=UTC), agent_id="a", transaction_source="s",
        comments="w" * words,
    )  # fmt: skip
    return LeadPost(
        customer_type="prospect", event=event, first_name="Ada", last_name="Example", email="a@example.com"
    )
