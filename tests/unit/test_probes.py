"""Whoever probes a process harms nothing, and neither does a fault in an answer."""

from __future__ import annotations

import http.client
import logging
import socket
import struct
import threading
from typing import Any

import pytest

from domiq_dagster.runtime.probes import Answer, ProbeServer


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_fault_is_answered_and_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> Answer:
        raise ValueError("bo@example.com")

    with ProbeServer("127.0.0.1", 0, {"/fails": fails, "/well": lambda: Answer(200, b"ok")}) as server:
        with caplog.at_level(logging.ERROR, logger="domiq_dagster"):
            status, body = ask(server.port, "/fails?now")
        assert (status, b"the log" in body) == (500, True)
        assert ask(server.port, "/well") == (200, b"ok")
        assert ask(server.port, "/other")[0] == 404
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("/fails could not be answered: ValueError\n")
    assert " in fails\n" in said
    assert "bo@example.com" not in said.partition("\n")[0]


def test_nothing_is_said_of_whoever_does_not_wait_for_the_answer(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, goes_on, has_ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> Answer:
        began.set()
        goes_on.wait(60)
        return Answer(200, b"x" * 10_000_000)  # more than any buffer takes

    with ProbeServer("127.0.0.1", 0, {"/slow": slow}) as server:
        ended = server._server.shutdown_request

        def note(request: Any) -> None:
            ended(request)
            has_ended.set()

        monkeypatch.setattr(server._server, "shutdown_request", note)
        asker = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        asker.sendall(b"GET /slow HTTP/1.0\r\n\r\n")
        assert began.wait(60)
        asker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # gone at once
        asker.close()
        goes_on.set()
        assert has_ended.wait(60)
    assert capfd.readouterr().err == ""
