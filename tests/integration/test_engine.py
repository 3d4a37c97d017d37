"""Engines against a real server: what a session is set to, and how a refusal reads."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.errors import DatabaseUnavailable


def show(engine: Engine, setting: str) -> object:
    with engine.connect() as connection:
        return connection.scalar(text(f"SHOW {setting}"))


def test_a_session_is_named_limited_and_in_utc(make_database: Callable[..., str]) -> None:
    url = make_database() + "&options=-c%20TimeZone%3DAmerica/New_York"
    engine = make_engine(url, application_name="a test", statement_timeout_ms=4_000, lock_timeout_ms=3_000)
    assert show(engine, "application_name") == "a test"
    assert show(engine, "statement_timeout") == "4s"
    assert show(engine, "lock_timeout") == "3s"
    assert show(engine, "TimeZone") == "UTC"
    engine.dispose()


def test_timeouts_in_the_url_win(make_database: Callable[..., str]) -> None:
    engine = make_engine(make_database() + "&options=-c%20statement_timeout%3D0")
    assert show(engine, "statement_timeout") == "0"
    assert show(engine, "lock_timeout") == "10s"
    engine.dispose()


def test_a_pooled_connection_that_died_is_replaced(make_database: Callable[..., str]) -> None:
    url = make_database()
    engine, other = make_engine(url, pool_size=1), make_engine(url)
    with engine.connect() as connection:
        first = connection.scalar(text("SELECT pg_backend_pid()"))
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": first})
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != first
    engine.dispose()
    other.dispose()


def test_a_database_that_is_not_there_is_one_sentence(make_database: Callable[..., str]) -> None:
    url = make_database().replace("/test_", "/no_").replace("postgres@", "postgres:s3cret@")
    with pytest.raises(DatabaseUnavailable) as caught, make_engine(url).connect():
        pass
    message = str(caught.value)
    assert "does not exist" in message
    assert "s3cret" not in message
    assert "\n" not in message


def test_bound_values_stay_out_of_exceptions(make_database: Callable[..., str]) -> None:
    engine = make_engine(make_database())
    with pytest.raises(Exception, match="no_such_table") as caught, engine.connect() as connection:
        connection.execute(
            text("SELECT * FROM no_such_table WHERE email = :email"), {"email": "ada@example.com"}
        )
    assert "ada@example.com" not in str(caught.value)
    engine.dispose()
