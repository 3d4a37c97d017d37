"""Makes SQLAlchemy engines from whatever form of database URL a user has at hand. No queries here."""

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from . import json_values
from .encoding import speak
from .errors import DatabaseError, DatabaseUnavailable
from .lenient_times import read_leniently
from .pooler import is_pooled, refuse_shared_sessions
from .refusals import hide_values
from .session import set_up, split_options

LOCK_WAIT_SECONDS = 10.0
IDLE_IN_TRANSACTION_SECONDS = 40.0
"""A session that stands still for so long in the middle of a transaction is ended, with the locks that it
holds: its process is frozen, or gone without a word, and by then others do its work. Nobody asks ResMan, or
waits for its slot, within a transaction."""
_SCHEME = re.compile(r"\A(?:postgres|postgresql)(?:\+\w+)?://", re.IGNORECASE)
_CLIENT_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


def resolve_url(env: Mapping[str, str]) -> str | None:
    """The database the user named in `DOMIQ_DATABASE_URL`; None, where it is not set, means the embedded one.

    Raises:
        DatabaseUnavailable: it is set to nothing, as by a script whose own variable is empty.
    """
    given = env.get("DOMIQ_DATABASE_URL")
    if given is None:
        return None
    if not given.strip():
        raise DatabaseUnavailable(
            "DOMIQ_DATABASE_URL is set to nothing: set it to the address of DomIQ's database, or unset it, "
            "and the embedded database is meant."
        )
    return given.strip()


def plain_url(url: str) -> str:
    """The URL as libpq, psycopg2 and SQLAlchemy all take it: postgresql://, without a driver.

    Raises:
        DatabaseUnavailable: it is none of PostgreSQL's.
    """
    stripped = url.strip()
    _parse(stripped)
    return _SCHEME.sub("postgresql://", stripped, count=1)


def make_engine(
    url: str,
    *,
    application_name: str = "domiq-sync",
    pool_size: int = 5,
    statement_timeout_ms: int = 60_000,
    lock_timeout_ms: int = round(LOCK_WAIT_SECONDS * 1000),
    idle_in_transaction_ms: int = round(IDLE_IN_TRANSACTION_SECONDS * 1000),
    session: type[psycopg.Connection[Any]] | None = None,
) -> Engine:
    """An engine on psycopg 3 whose sessions are named, have the given timeouts (0: none), and else are set as
    `session.set_up` says.

    `url` may be postgres://, postgresql:// or name any driver (postgresql+psycopg2://), with libpq's query
    parameters and socket directories; what it sets itself (say, `options=-c statement_timeout=0`) wins, save
    what nobody may choose. `pool_size` 0 is no bound on its connections; with `session` there is one, of that
    class (see `dry_run_session`). A peer that vanished without a word is noticed within about a minute, by
    both ends. Nothing connects yet.

    Raises:
        DatabaseUnavailable: the URL is wrong; later: a connection is refused.
        UnsuitableEncoding, UnsuitablePooler: later, at a connection: as they say.
    """
    parameters = _parse(url)
    user, password = parameters.pop("user", None), parameters.pop("password", None)
    host, port = parameters.pop("host", None), parameters.pop("port", None)
    shown = URL.create(
        "postgresql+psycopg",
        username=user,
        password=password,
        database=parameters.pop("dbname", None),
        # As query parameters they can be a socket directory or a list of hosts, and survive printing the URL.
        query={name: value for name, value in (("host", host), ("port", port)) if value},
    )
    own = {
        "statement_timeout": str(statement_timeout_ms),
        "lock_timeout": str(lock_timeout_ms),
        "idle_in_transaction_session_timeout": str(idle_in_transaction_ms),
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
        "log_parameter_max_length_on_error": "0",  # bound values stay out of the server's log too
    }
    chosen, rest = split_options(parameters.pop("options", None) or "")
    if rest:
        parameters["options"] = rest
    parameters["client_encoding"] = "UTF8"
    for name, value in _CLIENT_DEFAULTS.items():
        parameters.setdefault(name, value)
    parameters["application_name"] = application_name
    # The connection that was given back last is taken first: it has its statements prepared.
    pool: dict[str, Any] = {"pool_size": pool_size, "pool_pre_ping": True, "pool_use_lifo": True}
    if session is not None:
        pool = {"poolclass": StaticPool, "pool_reset_on_return": None}
    engine = create_engine(
        shown,
        connect_args=parameters,
        **pool,
        json_deserializer=json_values.loads,  # one odd document must not fail the rows beside it
        hide_parameters=True,  # bound values are people's names and addresses: they stay out of exceptions
    )
    _connect_by(engine, password, session or psycopg.Connection, own | chosen)
    event.listen(engine, "connect", lambda connection, _record: read_leniently(connection))
    hide_values(engine)
    return engine


def _parse(url: str) -> dict[str, Any]:
    stripped = url.strip()
    if not _SCHEME.match(stripped):
        raise DatabaseUnavailable(
            "The database URL is not one of PostgreSQL: write postgresql://user:password@host:5432/database."
        )
    try:
        parameters = dict(conninfo_to_dict(_SCHEME.sub("postgresql://", stripped, count=1)))
    except psycopg.Error as error:
        # libpq quotes the piece it stumbled over, and that may be the password; a parameter's name is safe.
        parameter = re.search(r'invalid URI query parameter: "(\w+)"', str(error))
        raise DatabaseUnavailable(
            f"The database URL has a parameter that PostgreSQL does not know: leave out {parameter.group(1)}."
            if parameter
            else "The database URL cannot be read: percent-encode special characters in user and password."
        ) from None
    if not re.fullmatch(r"[\d,]*", str(parameters.get("port") or "")):
        raise DatabaseUnavailable("The database URL has a port that is not a number: correct it.")
    return parameters


def _connect_by(
    engine: Engine, password: str | None, session: type[psycopg.Connection[Any]], settings: Mapping[str, str]
) -> None:
    """Has every connection of an engine set up, or refused in a sentence without the password. A pooler is
    looked into once."""
    where = _describe(engine.url)
    known_pooler: list[bool] = []

    def opened(*arguments: Any, **parameters: Any) -> psycopg.Connection[Any]:
        try:
            return session.connect(*arguments, **parameters)
        except psycopg.Error as error:
            raise refused(error) from None

    def refused(error: psycopg.Error) -> DatabaseUnavailable:
        reason = _reason(str(error))
        if password:
            reason = reason.replace(password, "***")
        return DatabaseUnavailable(f"The database {where} cannot be used: {reason}.")

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, parameters: Any) -> psycopg.Connection[Any]:
        connection = opened(*arguments, **parameters)
        try:
            speak(connection)
            if is_pooled(connection, set_up(connection, settings)) and not known_pooler:
                refuse_shared_sessions(connection, lambda: opened(*arguments, **parameters), where)
                known_pooler.append(True)
        except psycopg.Error as error:
            connection.close()
            raise refused(error) from None
        except DatabaseError:
            connection.close()
            raise
        return connection


def _describe(url: URL) -> str:
    host, port = url.query.get("host", "localhost"), url.query.get("port", "5432")
    user = f" as {url.username}" if url.username else ""
    return f"{url.database or 'by default'} at {host}:{port}{user}"


def _reason(message: str) -> str:
    """The last line of what libpq says, without the address, which the caller names already."""
    lines = [line.strip() for line in message.splitlines() if "Is the server running" not in line]
    last = next((line for line in reversed(lines) if line), "no reason was given")
    return re.sub(r"^.*(?:failed|FATAL):\s+", "", last).rstrip(".")
