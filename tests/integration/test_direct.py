"""Statements that psycopg runs directly are as SQLAlchemy's own: rows, errors, sessions that end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, PendingRollbackError

from domiq_dagster.db import direct
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.errors import is_lost_session
from domiq_dagster.sync.trouble import is_lost_database

PEOPLE = text(
    "SELECT name, id, :age AS age FROM person WHERE name = :name OR CAST(:age AS int) > 90 ORDER BY name"
)
ADD = text("INSERT INTO person VALUES (:id, :name)")


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    name: str
    age: int


@dataclass(frozen=True, slots=True)
class Named:
    name: str
    id: UUID
    age: int
    email: str = "none"


@pytest.fixture
def engine(make_database: Callable[..., str]) -> Iterator[Engine]:
    engine = make_engine(make_database())
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE person (id uuid PRIMARY KEY, name text NOT NULL CHECK (name <> ''))")
        )
    yield engine
    engine.dispose()


def add(engine: Engine, name: str) -> UUID:
    made = uuid4()
    with engine.connect() as connection:
        assert direct.fetch(connection, ADD, {"id": made, "name": name}) == []
        connection.commit()
    return made


def test_rows_become_what_names_their_columns_in_whatever_order(engine: Engine) -> None:
    ann, bo = add(engine, "Ann"), add(engine, "Bo")
    with engine.connect() as connection:
        values = {"name": "Ann", "age": 30}
        assert direct.rows_as(Person, connection, PEOPLE, values) == [Person(ann, "Ann", 30)]
        assert direct.rows_as(Named, connection, PEOPLE, values) == [Named("Ann", ann, 30)]
        all_of_them = {"name": "nobody", "age": 91}
        assert [p.id for p in direct.rows_as(Person, connection, PEOPLE, all_of_them)] == [ann, bo]
        assert direct.rows_as(Person, connection, PEOPLE, {"name": "Cy", "age": 1}) == []
        with pytest.raises(TypeError):
            direct.rows_as(Person, connection, text("SELECT 'Ann' AS name"), {})


def test_what_is_not_committed_is_undone_with_the_connection(engine: Engine) -> None:
    with engine.connect() as connection:
        direct.fetch(connection, ADD, {"id": uuid4(), "name": "Ann"})
        connection.execute(ADD, {"id": uuid4(), "name": "Bo"})  # of the same transaction
        assert direct.fetch(connection, text("SELECT count(*) FROM person"), {}) == [(2,)]
    with engine.connect() as connection:
        assert direct.fetch(connection, text("SELECT count(*) FROM person"), {}) == [(0,)]


def test_what_is_done_at_once_is_committed_without_a_transaction_of_its_own(engine: Engine) -> None:
    adding = text("INSERT INTO person VALUES (:id, :name) RETURNING name, id, 7 AS age")
    count = text("SELECT count(*) FROM person")
    with engine.connect() as connection, engine.connect() as beside:
        (ann,) = direct.rows_at_once(Person, connection, adding, {"id": uuid4(), "name": "Ann"})
        assert not connection.in_transaction()
        assert beside.scalar(count) == 1
        with pytest.raises(IntegrityError):
            direct.rows_at_once(Person, connection, adding, {"id": ann.id, "name": "Ann"})
        direct.fetch(connection, ADD, {"id": uuid4(), "name": "Bo"})
        connection.rollback()
        assert connection.scalar(count) == 1, "after it transactions are as before, after a refusal as well"
        connection.rollback()
        direct.fetch(connection, ADD, {"id": uuid4(), "name": "Cy"})
        direct.rows_at_once(Person, connection, adding, {"id": uuid4(), "name": "Di"})
        assert beside.scalar(count) == 3, "what had begun is committed with it"


def test_a_session_that_is_gone_is_told_as_such_at_once_too(engine: Engine) -> None:
    with engine.connect() as connection, engine.connect() as beside:
        ((pid,),) = direct.fetch(connection, text("SELECT pg_backend_pid()"), {})
        connection.rollback()
        beside.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(DBAPIError) as lost:
            direct.rows_at_once(Person, connection, PEOPLE, {"name": "Ann", "age": 1})
        assert is_lost_session(lost.value)
        assert is_lost_database(lost.value)
        assert connection.invalidated


def test_a_refusal_is_sqlalchemys_own_and_tells_no_value(engine: Engine) -> None:
    made = add(engine, "Zebedee Quillfeather")
    with engine.connect() as connection:
        told = []
        for run in (direct.fetch, lambda c, q, v: c.execute(q, v)):
            with pytest.raises(IntegrityError) as refused:
                run(connection, ADD, {"id": made, "name": "Zebedee Quillfeather"})
            connection.rollback()
            told.append(refused.value)
        ours, theirs = told
        assert type(ours.orig) is type(theirs.orig)
        assert str(ours.orig) == str(theirs.orig) == "SQLSTATE 23505, person_pkey of table person"
        assert "Zebedee" not in str(ours)
        assert not is_lost_session(ours)
        assert direct.fetch(connection, text("SELECT 1"), {}) == [(1,)]


def test_a_session_that_is_gone_is_told_as_such_and_replaced_after_a_rollback(engine: Engine) -> None:
    with engine.connect() as connection, engine.connect() as beside:
        ((pid,),) = direct.fetch(connection, text("SELECT pg_backend_pid()"), {})
        connection.rollback()
        beside.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(DBAPIError) as lost:
            direct.fetch(connection, text("SELECT 1"), {})
        assert is_lost_session(lost.value)
        with pytest.raises(PendingRollbackError) as again:
            direct.fetch(connection, text("SELECT 1"), {})
        assert is_lost_database(again.value)
        connection.rollback()
        ((other,),) = direct.fetch(connection, text("SELECT pg_backend_pid()"), {})
        assert other != pid


def test_a_statement_that_ctrl_c_breaks_off_ends_its_session(engine: Engine) -> None:
    """What it did is not known: nobody else gets the session."""
    with engine.connect() as connection:

        def interrupt(_connection: Any, cursor: Any, *_: Any) -> None:
            cursor.execute = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)

        event.listen(engine, "before_cursor_execute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            direct.fetch(connection, text("SELECT 1"), {})
        event.remove(engine, "before_cursor_execute", interrupt)
        assert connection.invalidated


def test_listeners_hear_of_it_and_may_change_it(engine: Engine) -> None:
    heard: list[str] = []

    def replace(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> Any:
        return statement.replace("41", "42"), parameters

    def after(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    event.listen(engine, "before_cursor_execute", replace, retval=True)
    event.listen(engine, "after_cursor_execute", after)
    with engine.connect() as connection:
        assert direct.fetch(connection, text("SELECT 41"), {}) == [(42,)]
    assert heard == ["SELECT 42"]
