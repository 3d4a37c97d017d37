"""What is said of a fault: of ours where it happened, of a database that is gone or full just words."""

import logging

import pytest

from domiq_dagster.db.errors import DatabaseUnavailable
from domiq_dagster.sync.trouble import log_fault, sentence

FULL = "The database db at example.com cannot be used: sorry, too many clients already."


def _fault() -> KeyError:
    try:
        return {}["it"]  # type: ignore[no-any-return]
    except KeyError as error:
        return error


def test_of_a_database_that_takes_no_more_sessions_its_own_words_are_repeated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = DatabaseUnavailable(FULL)
    assert sentence(error) == f"database_error: {FULL}"
    with caplog.at_level(logging.WARNING):
        log_fault("the push at account 400 ended", error)
    assert caplog.messages == [f"the push at account 400 ended: database_error: {FULL}"]


def test_of_a_fault_of_ours_is_said_where_it_happened_and_not_with_what(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        log_fault("it failed", _fault())
    (said,) = caplog.messages
    assert said.startswith("it failed: fault: KeyError in the sync's own code") and "_fault" in said
    assert "'it'" not in said.splitlines()[0]
