"""When traces are on, and what is said where they cannot be sent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from domiq_dagster.tracing import spans
from domiq_dagster.tracing.setting_up import asked_for, open_traces

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_SERVICE_NAME": "leads"}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:9/v1/metrics"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "console, otlp"}, True),
    ],
)
def test_traces_are_on_where_a_collector_is_named(env: Mapping[str, str], wanted: bool) -> None:
    assert asked_for(env) is wanted


def test_without_a_collector_nothing_of_opentelemetry_is_imported() -> None:
    """Whatever delivers imports no more than before."""
    program = (
        "import sys, domiq_dagster.cli.main\n"
        "from domiq_dagster.tracing.setting_up import open_traces\n"
        "with open_traces({}): pass\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_extra_one_sentence_says_what_to_do_and_the_work_goes_on() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None  # as if it were not installed\n"
        "from domiq_dagster.tracing import spans\n"
        "from domiq_dagster.tracing.setting_up import open_traces\n"
        f"with open_traces({ENDPOINT}): print(spans.is_on())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert done.stderr == (
        "No traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT is set, and OpenTelemetry is not installed: "
        "pip install 'domiq-dagster[otel]', or leave the variable out.\n"
    )


def test_another_protocol_is_named_as_one_that_is_not_spoken(caplog: pytest.LogCaptureFixture) -> None:
    with open_traces({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}):
        assert not spans.is_on()
    assert "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf" in caplog.text


def test_a_variable_that_cannot_be_used_costs_the_traces_alone_and_its_value_is_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", ENDPOINT["OTEL_EXPORTER_OTLP_ENDPOINT"])
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "t0ken without a sign between")
    with open_traces(ENDPOINT):
        assert not spans.is_on()
    assert "No traces are sent: one of the variables OTEL_* says what cannot be done" in caplog.text
    assert "t0ken" not in caplog.text
