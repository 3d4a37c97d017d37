"""The log as JSON lines, for whoever gathers the logs of several machines: `DOMIQ_LOG_FORMAT=json`.

Each line has `time` (UTC), `level`, `logger`, `message` and `run_id`, which all lines of one process share,
and whatever is bound just then, such as `change_id`. Of an exception it has the kind and where it was raised,
and never its text, which may repeat a row.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from uuid import uuid4

import structlog
from structlog.typing import EventDict, WrappedLogger

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)
_AS_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def format_of(env: Mapping[str, str]) -> str:
    """Which format the environment asks for; what is none of FORMATS comes as it is."""
    return env.get("DOMIQ_LOG_FORMAT", "").strip().lower() or TEXT


def formatter(log_format: str, run_id: str | None = None) -> logging.Formatter:
    """How each record of the log is written.

    Args:
        log_format: one of FORMATS.
        run_id: what the lines of this process have in common; one of its own, if not given.
    """
    if log_format == TEXT:
        return logging.Formatter(_AS_TEXT)
    run = run_id or str(uuid4())

    def add_run(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**event, "run_id": run}

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            add_run,
            _without_its_text,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )


def record_of(line: str, program: str) -> logging.LogRecord:
    """A line that another program wrote, for our own log: one of Dagster's JSON lines, or any other text."""
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict) or "event" not in said:
        said = {"event": line}
    level = str(said.get("level", "info")).upper()
    number = logging.getLevelNamesMapping().get(level, logging.INFO)
    return logging.LogRecord(
        str(said.get("logger", program)), number, program, 0, str(said["event"]), None, None
    )


def _without_its_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Of an exception the kind and the frames."""
    info = event.pop("exc_info", None)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = info[0].__name__
        event["frames"] = "".join(traceback.format_tb(info[2]))
    return event
