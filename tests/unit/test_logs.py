"""The log as JSON lines: what each has, and what none has."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from domiq_dagster.runtime import logs


class Log:
    """A logger whose lines are kept."""

    def __init__(self, log_format: str) -> None:
        self.logger = logging.Logger("domiq_dagster.sync")
        self.written = io.StringIO()
        handler = logging.StreamHandler(self.written)
        handler.setFormatter(logs.formatter(log_format, "run-1"))
        self.logger.addHandler(handler)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]


@pytest.fixture
def log() -> Log:
    return Log(logs.JSON)


def test_each_line_is_an_object_with_the_id_of_its_run(log: Log) -> None:
    log.logger.warning("the push of %s ended\nsoon", "north")
    (line,) = log.lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "domiq_dagster.sync",
        "message": "the push of north ended\nsoon",
        "run_id": "run-1",
    }


def test_what_is_logged_while_a_change_is_delivered_has_its_id(log: Log) -> None:
    with bound_contextvars(change_id="c-7"):
        log.logger.info("it is sent")
    log.logger.info("nothing is due")
    assert [line.get("change_id") for line in log.lines()] == ["c-7", None]


def test_the_text_of_an_exception_is_left_out(log: Log) -> None:
    try:
        raise ValueError("bo@example.com")
    except ValueError:
        log.logger.exception("it could not be read")
    (line,) = log.lines()
    assert line["exception"] == "ValueError"
    assert "test_the_text_of_an_exception_is_left_out" in line["frames"]
    assert '"bo@example.com' not in line["message"]
    assert "ValueError: bo@example.com" not in log.written.getvalue()


def test_as_text_it_is_what_it_was() -> None:
    log = Log(logs.TEXT)
    log.logger.warning("the push of %s ended", "north")
    assert log.written.getvalue().endswith(" WARNING domiq_dagster.sync: the push of north ended\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            '{"event": "100% done", "level": "warning", "logger": "dagster.daemon", "x": 1}',
            {"level": "warning", "logger": "dagster.daemon", "message": "100% done"},
        ),
        ("Traceback (most recent", {"level": "info", "logger": "code", "message": "Traceback (most recent"}),
        ('["event"]', {"level": "info", "logger": "code", "message": '["event"]'}),
        ('{"level": "error"}', {"level": "info", "logger": "code", "message": '{"level": "error"}'}),
        (
            '{"event": null, "level": "loud"}',
            {"level": "info", "logger": "code", "message": "None"},
        ),
    ],
    ids=["Dagster's", "text", "no object", "of somebody else", "odd"],
)
def test_a_line_of_another_program_becomes_one_of_ours(line: str, expected: dict[str, str]) -> None:
    written = json.loads(logs.formatter(logs.JSON, "run-1").format(logs.record_of(line, "code")))
    assert written.pop("time").endswith("Z")
    assert written == {**expected, "run_id": "run-1"}


def test_each_process_has_a_run_of_its_own() -> None:
    written = set()
    for _ in range(2):
        record = logging.LogRecord("here", logging.INFO, __file__, 1, "said", None, None)
        written.add(json.loads(logs.formatter(logs.JSON).format(record))["run_id"])
    assert len(written) == 2
