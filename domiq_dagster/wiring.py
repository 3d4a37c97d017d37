"""Puts the pieces together from the environment: database, ResMan client, account gate, channels of notices.

Both faces of the project, the Dagster resource and the command line, start here; nothing below knows
of environment variables. This module does not import Dagster.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from domiq_dagster.db.checks import refuse_blind_role, require_domiq_tables, require_migrated
from domiq_dagster.db.dry_run_session import dry_run_session
from domiq_dagster.db.embedded import running
from domiq_dagster.db.engine import make_engine, resolve_url
from domiq_dagster.db.kept_engine import KeptEngines, fork_safe
from domiq_dagster.db.revision import HEAD
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.runtime.home import home
from domiq_dagster.sync import patience
from domiq_dagster.sync.account_gate import AccountGate, BreakerRules
from domiq_dagster.sync.dry_run import OpenDryRun
from domiq_dagster.sync.notifications.channels.channels import Channels, configure
from domiq_dagster.sync.queue import lanes
from domiq_dagster.sync.queue.restores import OutsideMark
from domiq_dagster.sync.report.links import Links

DATABASE = "domiq"
DAGSTER_DATABASE = "dagster"
DEFAULT_V1_URL = "https://api.myresman.com"
DEFAULT_V2_URL = "https://partners-api.myresman.com"
STATEMENT_SECONDS = 300.0
"""The longest that one statement may take, if nobody says otherwise."""
_KEY_BYTES = 32


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
    embedded server, which is started if it is not running and then stopped at the end.

    Raises:
        ConfigurationError: none is named, and there is none here.
    """
    domiq = resolve_url(env)
    dagster = env.get("DAGSTER_PG_URL", "").strip() or None
    if domiq and dagster:
        yield Urls(domiq, dagster)
        return
    if domiq is None:
        _require_embedded(env)
    with running(home(env) / "pg") as server:
        for name in (DATABASE, DAGSTER_DATABASE):
            server.ensure_database(name)
        yield Urls(domiq or server.url(DATABASE), dagster or server.url(DAGSTER_DATABASE))


@contextmanager
def domiq_database(env: Mapping[str, str], *, make: bool = False) -> Iterator[str]:
    """The URL of DomIQ's database alone. With `make`, the embedded one is made where there is none yet.

    Raises:
        ConfigurationError: none is named, and there is none here.
    """
    url = resolve_url(env)
    if url:
        yield url
        return
    if not make:
        _require_embedded(env)
    with running(home(env) / "pg") as server:
        server.ensure_database(DATABASE)
        yield server.url(DATABASE)


def _require_embedded(env: Mapping[str, str]) -> None:
    """Whoever only reads must not find a new, empty database where somebody forgot to say which is meant."""
    if not (home(env) / "pg").exists():
        raise ConfigurationError(
            f"DOMIQ_DATABASE_URL is not set, and there is no database in {home(env)}: set it to the address "
            "of DomIQ's database, or make one to try things out with `domiq-sync demo`."
        )


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
                _look(connection)
        yield engine
    finally:
        engine.dispose()


def _look(connection: Connection) -> None:
    require_domiq_tables(connection)
    refuse_blind_role(connection)
    require_migrated(connection, HEAD)


_KEPT = fork_safe(KeptEngines(_look))


@contextmanager
def kept_engine(env: Mapping[str, str], *, statement_seconds: float = STATEMENT_SECONDS) -> Iterator[Engine]:
    """An engine on DomIQ's database whose sessions stay open for who asks next: for ticks, which ask little
    and often.

    The database is looked at first, and again every minute; errors are those of `open_engine`. On the
    embedded server, which may be this call's to stop, nothing is kept.
    """
    url = resolve_url(env)
    if url is None:
        with domiq_database(env) as own, open_engine(own, statement_seconds=statement_seconds) as engine:
            yield engine
        return
    milliseconds = _milliseconds(statement_seconds)
    with _KEPT.use(
        f"{milliseconds} {url}", lambda: make_engine(url, pool_size=2, statement_timeout_ms=milliseconds)
    ) as engine:
        yield engine


def dry_run_sessions(url: str, *, statement_seconds: float = STATEMENT_SECONDS) -> OpenDryRun:
    """Opens sessions on DomIQ's database that are undone at their end, for dry runs."""
    return lambda: dry_run_session(url, statement_timeout_ms=_milliseconds(statement_seconds))


def resman_config(env: Mapping[str, str]) -> ResManConfig:
    """Where ResMan is, and who asks, as the environment says.

    Raises:
        ConfigurationError: the partner id or the key is not set, or an address is none, or is another
        machine's without https.
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
            allow_http=_allows_http(env),
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _allows_http(env: Mapping[str, str]) -> bool:
    value = env.get("RESMAN_ALLOW_HTTP", "").strip()
    if value not in ("", "0", "1"):
        raise ConfigurationError("RESMAN_ALLOW_HTTP must be 1 (http to any host) or 0: correct it.")
    return value == "1"


def notice_channels(env: Mapping[str, str]) -> Channels:
    """The channels of notices. A wrong address closes its own channel and no other: see `Channels.problems`.

    Raises:
        ConfigurationError: the own templates are not where they should be.
    """
    directory = env.get("DOMIQ_TEMPLATE_DIR", "").strip()
    if directory and not Path(directory).is_dir():
        raise ConfigurationError("DOMIQ_TEMPLATE_DIR names no directory: correct it, or leave it out.")
    return configure(env)


def report_links(env: Mapping[str, str]) -> Links:
    """Where the report's leads link to.

    Raises:
        ConfigurationError: a pattern is no web address, or does not say where the id belongs.
    """
    patterns = {}
    for name, id_name in (("DOMIQ_LINK_URL", "{conversation_id}"), ("RESMAN_LINK_URL", "{prospect_id}")):
        pattern = env.get(name, "").strip()
        if pattern and not (pattern.startswith(("https://", "http://")) and id_name in pattern):
            raise ConfigurationError(
                f"{name} must be a web address with {id_name} where the id belongs: correct it, or leave it "
                "out."
            )
        patterns[name] = pattern or None
    return Links(domiq=patterns["DOMIQ_LINK_URL"], resman=patterns["RESMAN_LINK_URL"])


def report_file(env: Mapping[str, str]) -> Path:
    """Where Dagster keeps the last report."""
    return home(env) / "report.html"


@contextmanager
def open_client(
    config: ResManConfig, url: str, *, longest_wait: float | None = None, asks_refused: bool = False
) -> Iterator[ResManClient]:
    """A client behind the account gate. The gate has connections of its own, one for each thread that asks.

    Args:
        longest_wait: for how many seconds a slot of an account is waited for; the gate's own limit, if not
        given.
        asks_refused: endpoints that ResMan has refused a short time ago are asked all the same.
    """
    gate_engine = make_engine(
        url,
        application_name="domiq-sync-gate",
        pool_size=0,
        statement_timeout_ms=0,
        lock_timeout_ms=_milliseconds(patience.HEAR),
    )
    try:
        rules = BreakerRules(
            longest_wait=patience.SLOT_WAIT if longest_wait is None else longest_wait,
            grant_pause=0.0 if asks_refused else patience.GRANT,
        )
        gate = AccountGate(gate_engine, rules=rules, on_granted=lanes.wake_granted)
        client = ResManClient(config, guard=gate)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    try:
        yield client
    finally:
        client.close()
        gate.close()
        gate_engine.dispose()


def _milliseconds(seconds: float) -> int:
    """At least one: none at all would be no limit."""
    return max(1, round(seconds * 1000))


def outside_mark(env: Mapping[str, str]) -> OutsideMark:
    """The mark beside the database that tells when it was put back."""
    return OutsideMark(home(env) / "marks")


def archive_after_days(env: Mapping[str, str]) -> float | None:
    """After how many days settled rows of status_sync_log move to its archive; None: they stay.

    Raises:
        ConfigurationError: DOMIQ_ARCHIVE_AFTER_DAYS is no number.
    """
    given = env.get("DOMIQ_ARCHIVE_AFTER_DAYS", "").strip()
    try:
        return float(given) if given else None
    except ValueError:
        raise ConfigurationError(
            "DOMIQ_ARCHIVE_AFTER_DAYS is no number of days: set it to one, or leave it out."
        ) from None


def erasure_key(env: Mapping[str, str]) -> bytes:
    """The key of the hashes by which erasures are on record: kept in the state directory, outside the
    database, and made where it is not there yet.

    Raises:
        ConfigurationError: what is there is no key.
        OSError: it cannot be read or made.
    """
    directory = home(env)
    path = directory / "erasure.key"
    directory.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), open(path, "xb", opener=_for_the_owner) as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
    key = path.read_bytes()
    if len(key) < _KEY_BYTES:
        raise ConfigurationError(f"{path} is no key: delete it, and a new one is made.")
    return key


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
