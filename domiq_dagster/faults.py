"""Keeps what an exception holds out of Dagster's event log: whatever an asset, op, check, sensor or schedule
raises is written there with its text and its chain, and may repeat a row, a lead's words or a template's
values.

Every function that is given to Dagster is wrapped in `told_without_values`, below Dagster's own decorator; a
test looks that none was forgotten.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import dagster as dg
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.embedded_programs import EmbeddedServerError
from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.alerts.dispatch import AlertNotSent
from domiq_dagster.sync.trouble import sentence
from domiq_dagster.wiring import ConfigurationError

F = TypeVar("F", bound=Callable[..., Any])
_IN_OUR_WORDS = (
    *(dg.Failure, dg.RetryRequested, dg.DagsterError),
    *(DatabaseError, ResManError, ConfigurationError, EmbeddedServerError, AlertNotSent),
    DBAPIError,  # its text was cleaned where it arose
)
"""Errors whose own text names nobody."""


class Fault(Exception):
    """Something went wrong that nobody foresaw. It says what kind of error it was, and has its traceback:
    where it happened, and no value that it happened with."""


def told_without_values(work: F) -> F:
    """What Dagster is to call: `work`, whose exceptions are told in our own words and without their chain."""
    if inspect.isgeneratorfunction(work):

        @functools.wraps(work)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            fault = None
            try:
                yield from work(*args, **kwargs)
            except Exception as error:
                fault = _told(error)
            if fault is not None:
                raise fault

    else:

        @functools.wraps(work)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return work(*args, **kwargs)
            except Exception as error:
                fault = _told(error)
            raise fault

    # Dagster's catalogue links an asset to the file and line of the function that it was given.
    given: Any = work
    written = given.__code__
    wrapped: Any = guarded
    wrapped.__code__ = wrapped.__code__.replace(
        co_filename=written.co_filename, co_firstlineno=written.co_firstlineno
    )
    wrapped.told_without_values = True
    return cast(F, wrapped)


def _told(error: Exception) -> Exception:
    told = error
    if not isinstance(error, _IN_OUR_WORDS):
        told = Fault(sentence(error)).with_traceback(error.__traceback__)
    told.__cause__ = told.__context__ = None
    return told
