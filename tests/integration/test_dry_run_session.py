"""A dry run's session: everything may be done in it, it sees what it did, and nothing of it stays."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from domiq_dagster.db.dry_run_session import dry_run_session
from domiq_dagster.db.engine import make_engine


@pytest.fixture
def url(make_database: Callable[..., str]) -> str:
    url = make_database()
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (n INTEGER PRIMARY KEY)"))
    engine.dispose()
    return url


def notes(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT n FROM note ORDER BY n")))


def write(engine: Engine, number: int) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO note VALUES (:n)"), {"n": number})


def test_what_was_committed_is_seen_inside_and_never_outside(url: str) -> None:
    outside = make_engine(url)
    with dry_run_session(url) as engine:
        write(engine, 1)
        with engine.connect() as connection, connection.begin():
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute("INSERT INTO note VALUES (2)")
            raw.commit()
            connection.execute(text("INSERT INTO note VALUES (3)"))
            connection.rollback()
        assert (notes(engine), notes(outside)) == ([1, 2], [])
    assert notes(outside) == []
    outside.dispose()


def test_a_refused_statement_costs_what_was_not_committed_and_no_more(url: str) -> None:
    with dry_run_session(url) as engine:
        write(engine, 1)
        with pytest.raises(IntegrityError):
            write(engine, 1)
        write(engine, 2)
        assert notes(engine) == [1, 2]


def test_an_error_inside_leaves_nothing_either(url: str) -> None:
    with pytest.raises(ZeroDivisionError), dry_run_session(url) as engine:
        write(engine, 1)
        raise ZeroDivisionError
    outside = make_engine(url)
    assert notes(outside) == []
    outside.dispose()
