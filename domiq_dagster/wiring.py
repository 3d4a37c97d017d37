"""Puts the pieces together from the environment: database, ResMan client, account gate, channels of notices.

Both faces of the project, the Dagster resource and the command line, start here; nothing below knows
of environment variables. This module does not import Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from domiq_dagster.db.checks import refuse_blind_role, require_domiq_tables, require_migrated
from domiq_dagster.db.dry_run_session import dry_run_session
from domiq_dagster.db.embedded import running
from domiq_dagster.db.engine import make_engine, resolve_url
from domiq_dagster.db.migrate import HEAD
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.runtime.home import home
from domiq_dagster.sync.account_gate import AccountGate, BreakerRules
from domiq_dagster.sync.dry_run import OpenDryRun
from domiq_dagster.sync.notifications.channels.channels import Channels, configure

DATABASE = "domiq"
DAGSTER_DATABASE = "dagster"
DEFAULT_V1_URL = "https://api.myresman.com"
DEFAULT_V2_URL = "https://partners-api.myresman.com"
STATEMENT_SECONDS = 300.0
"""The longest that one statement may take, if nobody says otherwise."""
_GATE_WAIT_MS = 2_000
"""How long a wait for an account's slot lasts before it asks whether to go on waiting."""


class ConfigurationError(Exception):
    """Something that the user must set is missing or wrong; the text says what and how."""


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the two databases are."""

    domiq: str
    dagster: str


@contextmanager
def databases(env: Mapping[str, str]) -> Iterator[Urls]:
    """The URLs of DomIQ's database and Dagster's storage: as the environment names them, else on the
    embedded server, which is started if it is not running and then stopped at the end."""
    domiq = resolve_url(env)
    dagster = env.get("DAGSTER_PG_URL", "").strip() or None
    if domiq and dagster:
        yield Urls(domiq, dagster)
        return
    with running(home(env) / "pg") as server:
        for name in (DATABASE, DAGSTER_DATABASE):
            server.ensure_database(name)
        yield Urls(domiq or server.url(DATABASE), dagster or server.url(DAGSTER_DATABASE))


@contextmanager
def domiq_database(env: Mapping[str, str]) -> Iterator[str]:
    """The URL of DomIQ's database alone."""
    url = resolve_url(env)
    if url:
        yield url
        return
    with running(home(env) / "pg") as server:
        server.ensure_database(DATABASE)
        yield server.url(DATABASE)


@contextmanager
def open_engine(
    url: str, *, check: bool = True, pool_size: int = 10, statement_seconds: float = STATEMENT_SECONDS
) -> Iterator[Engine]:
    """An engine on DomIQ's database, disposed at the end.

    With `check`, raises WrongDatabase, BlindRole or NotMigrated before anything is read.
    """
    engine = make_engine(url, pool_size=pool_size, statement_timeout_ms=_milliseconds(statement_seconds))
    try:
        if check:
            with engine.connect() as connection:
                require_domiq_tables(connection)
                refuse_blind_role(connection)
                require_migrated(connection, HEAD)
        yield engine
    finally:
        engine.dispose()


def dry_run_sessions(url: str, *, statement_seconds: float = STATEMENT_SECONDS) -> OpenDryRun:
    """Opens sessions on DomIQ's database that are undone at their end, for dry runs."""
    return lambda: dry_run_session(url, statement_timeout_ms=_milliseconds(statement_seconds))


def resman_config(env: Mapping[str, str]) -> ResManConfig:
    """Where ResMan is, and who asks, as the environment says.

    Raises:
        ConfigurationError: the partner id or the key is not set, or an address is none.
    """
    missing = [n for n in ("RESMAN_PARTNER_ID", "RESMAN_API_KEY") if not env.get(n, "").strip()]
    if missing:
        raise ConfigurationError(
            f"{' and '.join(missing)} must be set: ResMan gives them to your integration."
        )
    try:
        return ResManConfig(
            v1_url=env.get("RESMAN_V1_URL", "").strip() or DEFAULT_V1_URL,
            v2_url=env.get("RESMAN_V2_URL", "").strip() or DEFAULT_V2_URL,
            partner_id=env["RESMAN_PARTNER_ID"].strip(),
            api_key=env["RESMAN_API_KEY"].strip(),
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def notice_channels(env: Mapping[str, str]) -> Channels:
    """The channels of notices. A wrong address closes its own channel and no other: see `Channels.problems`.

    Raises:
        ConfigurationError: the own templates are not where they should be.
    """
    directory = env.get("DOMIQ_TEMPLATE_DIR", "").strip()
    if directory and not Path(directory).is_dir():
        raise ConfigurationError("DOMIQ_TEMPLATE_DIR names no directory: correct it, or leave it out.")
    return configure(env)


@contextmanager
def open_client(
    config: ResManConfig, url: str, *, longest_wait: float | None = None
) -> Iterator[ResManClient]:
    """A client behind the account gate. The gate has connections of its own, one for each thread that asks.

    Args:
        longest_wait: for how many seconds a slot of an account is waited for; the gate's own limit, if not
        given.
    """
    gate_engine = make_engine(
        url,
        application_name="domiq-sync-gate",
        pool_size=0,
        statement_timeout_ms=0,
        lock_timeout_ms=_GATE_WAIT_MS,
    )
    try:
        rules = BreakerRules() if longest_wait is None else BreakerRules(longest_wait=longest_wait)
        client = ResManClient(config, guard=AccountGate(gate_engine, rules=rules))
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    try:
        yield client
    finally:
        client.close()
        gate_engine.dispose()


def _milliseconds(seconds: float) -> int:
    """At least one: none at all would be no limit."""
    return max(1, round(seconds * 1000))
