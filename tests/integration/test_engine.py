"""Engines against a real server: what a session is set to, and how a refusal reads."""

import re
import traceback
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError, SQLAlchemyError

from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.errors import DatabaseUnavailable
from domiq_dagster.db.refusals import values_hidden
from domiq_dagster.sync.trouble import is_lost_database, sentence


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


def test_a_session_that_is_gone_is_told_at_each_statement(make_database: Callable[..., str]) -> None:
    """Also at those after the one that found out; what a statement was refused for is something else."""
    url = make_database()
    engine, other = make_engine(url), make_engine(url)
    with engine.connect() as connection, other.connect() as beside:
        with pytest.raises(DBAPIError) as refused:
            connection.execute(text("SELECT 1 / 0"))
        connection.rollback()
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        beside.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        gone: list[SQLAlchemyError] = []
        for _ in range(3):
            with pytest.raises(SQLAlchemyError) as ended:
                connection.execute(text("SELECT 1"))
            gone.append(ended.value)
    assert [type(error) for error in gone] == [OperationalError, PendingRollbackError, PendingRollbackError]
    assert [is_lost_database(error) for error in (refused.value, *gone)] == [False, True, True, True]
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


@pytest.mark.parametrize(
    ("asked", "found"),
    [("", "public"), ("nowhere", "nowhere, public"), ("own,pg_catalog,public", "own,pg_catalog,public")],
)
def test_public_is_on_the_search_path(asked: str, found: str, make_database: Callable[..., str]) -> None:
    """C2: whatever the URL says of it."""
    option = f"&options=-csearch_path%3D{asked}%20--work_mem%3D7MB" if asked else ""
    engine = make_engine(make_database() + option)
    assert show(engine, "search_path") == found
    assert not asked or show(engine, "work_mem") == "7MB"
    engine.dispose()


NAMED = "Zebedee Quillfeather, zebedee@example.com"
REFUSALS = {
    "INSERT INTO person VALUES (:name, 9)": "SQLSTATE 23514, person_age_check of table person",
    "INSERT INTO person VALUES (:name, NULL)": "SQLSTATE 23502, column age of table person",
    "SELECT CAST(:name AS uuid)": "SQLSTATE 22P02",
    "SELECT says(:name, 'P0001')": "SQLSTATE P0001",
    "SELECT says(:name, '42501')": "SQLSTATE 42501",
    "SELECT says(:name, '40001')": "SQLSTATE 40001",
    "SELECT made_up(:name)": "SQLSTATE 42703",
    "SELECT * FROM no_such WHERE name = :name": 'relation "no_such" does not exist (SQLSTATE 42P01)',
    "SELECT 1 / (length(:name) - length(:name))": "SQLSTATE 22012",
}


def test_what_the_database_refuses_is_told_without_a_value(make_database: Callable[..., str]) -> None:
    """D5: not in the text, the cause or the context of an error: SQLSTATE, constraint and table instead."""
    engine = make_engine(make_database())
    assert show(engine, "log_parameter_max_length_on_error") == "0"
    with engine.begin() as connection:
        for made in (
            "CREATE TABLE person (name TEXT, age INT NOT NULL CHECK (age < 5))",
            """CREATE FUNCTION says(name TEXT, state TEXT) RETURNS INT LANGUAGE plpgsql AS $$ BEGIN
                RAISE EXCEPTION '% is not wanted', name USING ERRCODE = state, DETAIL = name, HINT = name,
                    CONSTRAINT = name, TABLE = name, COLUMN = name; END $$""",
            """CREATE FUNCTION made_up(name TEXT) RETURNS INT LANGUAGE plpgsql AS $$ BEGIN
                EXECUTE 'SELECT ' || name; RETURN 1; END $$""",
        ):
            connection.execute(text(made))
    for statement, says in REFUSALS.items():
        with pytest.raises(DBAPIError) as caught, engine.connect() as connection:
            connection.execute(text(statement), {"name": NAMED})
        told = "".join(traceback.format_exception(caught.value))
        assert not re.search("zebedee|quillfeather", told, re.IGNORECASE), told
        assert says in str(caught.value)
        assert not re.search("zebedee", sentence(caught.value), re.IGNORECASE)
    with engine.connect() as connection, pytest.raises(psycopg.Error) as raw, values_hidden():
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor, cursor.copy("COPY person FROM STDIN") as copy:
            copy.write(f"{NAMED}\t{NAMED}\n")
    assert not re.search("zebedee", "".join(traceback.format_exception(raw.value)), re.IGNORECASE)
    engine.dispose()
