"""Makes SQLAlchemy engines from whatever form of database URL a user has at hand. No queries here."""

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from .errors import DatabaseUnavailable

_SCHEME = re.compile(r"\A(?:postgres|postgresql)(?:\+\w+)?://", re.IGNORECASE)
_CLIENT_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


def resolve_url(env: Mapping[str, str]) -> str | None:
    """The database the user named in `DOMIQ_DATABASE_URL`; None means the embedded one."""
    return env.get("DOMIQ_DATABASE_URL", "").strip() or None


def make_engine(
    url: str,
    *,
    application_name: str = "domiq-sync",
    pool_size: int = 5,
    statement_timeout_ms: int = 60_000,
    lock_timeout_ms: int = 10_000,
    session: type[psycopg.Connection[Any]] | None = None,
) -> Engine:
    """An engine on psycopg 3 whose sessions run in UTC, named and with the given timeouts (0: none).

    `url` may be postgres://, postgresql:// or name any driver (postgresql+psycopg2://), with libpq's query
    parameters and socket directories; what it sets itself (say, `options=-c statement_timeout=0`) wins, save
    the time zone. `pool_size` 0 is no bound on its connections; with `session` there is one, of that class
    (see `dry_run_session`). A peer that vanished without a word is noticed within about a minute, by both
    ends. Nothing connects yet. A wrong URL here, and a refused
    connection later, raise DatabaseUnavailable.
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
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    own_options = " ".join(f"-c {name}={value}" for name, value in own.items())
    parameters["options"] = f"{own_options} {parameters.get('options') or ''} -c TimeZone=UTC"
    for name, value in _CLIENT_DEFAULTS.items():
        parameters.setdefault(name, value)
    parameters["application_name"] = application_name
    pool: dict[str, Any] = {"pool_size": pool_size, "pool_pre_ping": True}
    if session is not None:
        pool = {"poolclass": StaticPool, "pool_reset_on_return": None}
    engine = create_engine(
        shown,
        connect_args=parameters,
        **pool,
        hide_parameters=True,  # bound values are people's names and addresses: they stay out of exceptions
    )
    _explain_refusals(engine, password, session or psycopg.Connection)
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


def _explain_refusals(engine: Engine, password: str | None, session: type[psycopg.Connection[Any]]) -> None:
    where = _describe(engine.url)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, parameters: Any) -> psycopg.Connection[Any]:
        try:
            return session.connect(*arguments, **parameters)
        except psycopg.Error as error:
            reason = _reason(str(error))
            if password:
                reason = reason.replace(password, "***")
            raise DatabaseUnavailable(f"The database {where} cannot be used: {reason}.") from None


def _describe(url: URL) -> str:
    host, port = url.query.get("host", "localhost"), url.query.get("port", "5432")
    user = f" as {url.username}" if url.username else ""
    return f"{url.database or 'by default'} at {host}:{port}{user}"


def _reason(message: str) -> str:
    """The last line of what libpq says, without the address, which the caller names already."""
    lines = [line.strip() for line in message.splitlines() if "Is the server running" not in line]
    last = next((line for line in reversed(lines) if line), "no reason was given")
    return re.sub(r"^.*(?:failed|FATAL):\s+", "", last).rstrip(".")
