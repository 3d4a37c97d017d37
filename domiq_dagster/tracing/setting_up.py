"""Whether traces are asked for, and opening what sends them. OpenTelemetry is imported then, and only
then."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from domiq_dagster.tracing import spans

logger = logging.getLogger(__name__)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OURS = "http/protobuf"
FLUSH_SECONDS = 3.0
"""For how long the end of a process waits for the collector."""


def asked_for(env: Mapping[str, str]) -> bool:
    """Whether the environment names a collector for traces, and does not switch them off."""
    exporters = [e.strip() for e in env.get("OTEL_TRACES_EXPORTER", "").split(",") if e.strip()]
    return (
        _first(env, ENDPOINTS) is not None
        and env.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and (not exporters or "otlp" in exporters)
    )


@contextmanager
def open_traces(env: Mapping[str, str]) -> Iterator[None]:
    """Has the changes traced that are delivered until the block ends, if the environment asks for it; then
    what waits is sent, for FLUSH_SECONDS at most. Where it cannot be done, the log says why in one sentence,
    and nothing is traced."""
    exporter = None
    if asked_for(env) and not spans.is_on():
        try:
            exporter = _exporter(env)
        except CannotTrace as error:
            logger.error("No traces are sent: %s", error)
    if exporter is None:
        yield
        return
    try:
        with spans.gathered_by(exporter):
            yield
    finally:
        exporter.close(FLUSH_SECONDS)


class CannotTrace(Exception):
    """Traces are asked for and cannot be sent; the text says what to do."""


def _exporter(env: Mapping[str, str]) -> spans.ClosableSink:
    protocol = _first(env, _PROTOCOLS) or _OURS
    if protocol != _OURS:
        raise CannotTrace(
            f"OTEL_EXPORTER_OTLP_PROTOCOL must be {_OURS}, which collectors take at port 4318, or left out."
        )
    try:
        from domiq_dagster.tracing.export import Exporter
    except ModuleNotFoundError:
        raise CannotTrace(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and OpenTelemetry is not installed: "
            "pip install 'domiq-dagster[otel]', or leave the variable out."
        ) from None
    try:
        return Exporter()
    except Exception as error:  # each variable has its own ways to be wrong, and a value may be a secret
        raise CannotTrace(
            f"one of the variables OTEL_* says what cannot be done ({type(error).__name__}): correct it."
        ) from None


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := env.get(name, "").strip())), None)
