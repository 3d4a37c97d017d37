"""The log as JSON lines, for whoever gathers the logs of several machines: `DOMIQ_LOG_FORMAT=json`.

Each line has `time` (UTC), `level`, `logger`, `message` and `run_id`, which all lines of one process share,
and whatever is bound just then, such as `change_id`. Of an exception it has the kind and where it was raised,
and never its text, which may repeat a row.
"""

from __future__ import annotations

import logging
import traceback
from uuid import uuid4

import structlog
from structlog.typing import EventDict, WrappedLogger

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)
_AS_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


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


def _without_its_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Of an exception the kind and the frames."""
    info = event.pop("exc_info", None)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = info[0].__name__
        event["frames"] = "".join(traceback.format_tb(info[2]))
    return event
