"""Every usual form of a database URL becomes psycopg 3's; what is wrong is said without the password."""

import socket
import traceback

import pytest

from domiq_dagster.db.engine import make_engine, resolve_url
from domiq_dagster.db.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    "scheme",
    ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg", "postgresql+asyncpg", "POSTGRES"],
)
def test_every_scheme_and_driver_becomes_psycopg(scheme: str) -> None:
    url = make_engine(f"  {scheme}://ada:p%40ss@db.example.com:6543/domiq?sslmode=require\n").url
    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.password, url.database) == ("ada", "p@ss", "domiq")
    assert dict(url.query) == {"host": "db.example.com", "port": "6543"}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("postgresql:///domiq?host=/run/my%20sockets", "/run/my sockets"),
        ("postgresql://ada@%2Frun%2Fpostgresql/domiq", "/run/postgresql"),
        ("postgresql://ada@one.example.com,two.example.com:5433/domiq", "one.example.com,two.example.com"),
    ],
)
def test_socket_directories_and_lists_of_hosts_are_kept(url: str, host: str) -> None:
    assert make_engine(url).url.query["host"] == host


def test_a_password_is_not_in_what_an_engine_prints() -> None:
    engine = make_engine("postgresql://ada:s3cret@db.example.com/domiq?sslpassword=0ther")
    assert "s3cret" not in repr(engine)
    assert "0ther" not in repr(engine)


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("mysql://ada:s3cret@db.example.com/domiq", "write postgresql://"),
        ("ada:s3cret@db.example.com", "write postgresql://"),
        ("", "write postgresql://"),
        ("postgresql://ada:s3cret%zz@db.example.com/domiq", "percent-encode"),
        ("postgresql://ada:s3cret@db.example.com/domiq?schema=public", "leave out schema"),
        ("postgresql://ada:s3cret@db.example.com:port/domiq", "not a number"),
        ("postgresql://ada:s3cret@[db.example.com/domiq", "percent-encode"),
    ],
)
def test_a_wrong_url_is_one_sentence_without_the_password(url: str, advice: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=advice) as caught:
        make_engine(url)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert "\n" not in str(caught.value)


def test_a_refused_connection_is_one_sentence_without_the_password() -> None:
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        port = bound_but_deaf.getsockname()[1]
        engine = make_engine(f"postgres://ada:s3cret@127.0.0.1:{port}/domiq")
        with pytest.raises(DatabaseUnavailable) as caught, engine.connect():
            pass
    assert (
        str(caught.value)
        == f"The database domiq at 127.0.0.1:{port} as ada cannot be used: Connection refused."
    )
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("value", "url"), [(None, None), (" postgres://x ", "postgres://x")])
def test_the_users_database_is_the_one_in_the_environment(value: str | None, url: str | None) -> None:
    assert resolve_url({} if value is None else {"DOMIQ_DATABASE_URL": value}) == url


@pytest.mark.parametrize("value", ["", "  "])
def test_a_database_that_is_named_by_nothing_is_no_embedded_one(value: str) -> None:
    """F11: a script whose own variable is empty must not be told of the demo's world."""
    with pytest.raises(DatabaseUnavailable, match="DOMIQ_DATABASE_URL is set to nothing"):
        resolve_url({"DOMIQ_DATABASE_URL": value})
