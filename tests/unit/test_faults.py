"""What Dagster gets to see of an exception."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import DecoratedScheduleFunction

from domiq_dagster.definitions import defs
from domiq_dagster.faults import Fault, told_without_values
from domiq_dagster.resman.errors import Unreachable

NAME = "Zebedee Quillfeather"


def fails(kind: type[Exception]) -> None:
    try:
        raise KeyError(NAME)
    except KeyError as error:
        raise kind("in our words" if kind is not ValueError else NAME) from error


@told_without_values
def work(kind: type[Exception]) -> None:
    fails(kind)


@told_without_values
def stream(kind: type[Exception]) -> Iterator[int]:
    yield 1
    fails(kind)


@pytest.mark.parametrize("call", [work, lambda kind: list(stream(kind))])
@pytest.mark.parametrize("kind", [ValueError, Unreachable, dg.Failure])
def test_an_exception_is_told_without_its_values_and_its_chain(call: Any, kind: type[Exception]) -> None:
    """D5: Dagster writes an exception, its causes and what was going on into its event log."""
    with pytest.raises(Fault if kind is ValueError else kind) as caught:
        call(kind)
    error = caught.value
    assert error.__cause__ is None and error.__context__ is None
    told = "".join(traceback.format_exception(error))
    assert "Zebedee" not in told
    assert "in fails" in told  # where it happened is shown


def test_whatever_dagster_calls_is_wrapped() -> None:
    """D5: a new asset, op, check, sensor or schedule may not be forgotten."""
    functions = {}
    for node in defs.resolve_all_job_defs():
        for op in node.all_node_defs:
            if isinstance(op, dg.OpDefinition):
                functions[op.name] = op.compute_fn.decorated_fn  # type: ignore[union-attr]
    for sensor in defs.sensors or ():
        functions[sensor.name] = sensor._raw_fn  # type: ignore[union-attr]
    for schedule in defs.schedules or ():
        function = getattr(schedule, "_execution_fn", None)
        if isinstance(function, DecoratedScheduleFunction):  # else it is nothing but a cron line
            functions[schedule.name] = function.decorated_fn
    assert len(functions) > 20
    assert [n for n, f in functions.items() if not getattr(f, "told_without_values", False)] == []
