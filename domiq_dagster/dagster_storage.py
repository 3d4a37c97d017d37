"""Dagster's own storage on PostgreSQL, for every form of URL that the sync takes, and with sessions set up as
the sync's are, as far as Dagster relies on them. `dagster.yaml` names it.

Three things are other than in Dagster's own. Sessions are kept open and shared by whatever a process asks:
Dagster's own opens one for each query, which cost more than all queries together. Which tables and columns
there are is asked until they are there, and not before each query. And a run over a range of partitions is
planned by one event an asset, not by one a partition: `assets.inbound_marks` says which of them is marked,
and which failed.

`dagster definitions validate` and `dg check defs` store nothing, and so need no database.
"""

import atexit
import functools
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from typing import Any, cast

import dagster as dg
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from dagster_postgres.utils import pg_config, pg_url_from_config
from sqlalchemy import Engine, create_engine, event

from domiq_dagster.db.engine import plain_url
from domiq_dagster.db.errors import DatabaseUnavailable
from domiq_dagster.runtime import secret_files

_SET_UP = """
SELECT pg_catalog.set_config(s.name, s.value, false) FROM (VALUES
    ('DateStyle', 'ISO, MDY'), ('IntervalStyle', 'postgres'),
    ('default_transaction_isolation', 'read committed'),
    ('default_transaction_read_only', 'off'), ('standard_conforming_strings', 'on'), ('bytea_output', 'hex'),
    ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0')
) AS s(name, value) WHERE pg_catalog.current_setting(s.name, true) IS NOT NULL"""
_KEPT_SESSIONS = 3
"""How many a process keeps open; more are opened as they are needed, and closed."""
_RECYCLED_SECONDS = 600
_VALIDATING = "DAGSTER_IS_DEFS_VALIDATION_CLI"
"""Set by Dagster while it validates definitions."""


class PostgresStorage(DagsterPostgresStorage):
    """Runs, events and schedules in one database."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        creates = should_autocreate_tables and not _SESSIONS.is_known(postgres_url)
        super().__init__(postgres_url, creates, inst_data)
        self.should_autocreate_tables = should_autocreate_tables
        self._run_storage = _Runs(postgres_url)
        self._event_log_storage = _Events(postgres_url)
        self._schedule_storage = _Schedules(postgres_url)

    @classmethod
    def config_type(cls) -> Any:
        """As Dagster's own, and `postgres_url_in`: the name of the environment variable that has the URL."""
        named = dg.Field(str, is_required=False, description="The environment variable that has the URL.")
        return {**cast(dict[str, Any], pg_config()), "postgres_url_in": named}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        """Made by Dagster from dagster.yaml: one of ours; where definitions are validated and no URL is set,
        one in files, which are gone with the process.

        Raises:
            DagsterInvariantViolationError: the URL is not set, or none of PostgreSQL's, or a file of secrets
                cannot be used; the text says what to write.
        """
        try:
            secret_files.take_up()
        except secret_files.SecretFileError as error:
            raise dg.DagsterInvariantViolationError(str(error)) from None
        variable = config_value.get("postgres_url_in")
        configured = _configured(config_value, variable)
        if not configured:
            if os.environ.get(_VALIDATING):
                return _forgotten()
            message = f"{variable} is not set: set it to the address of the database in which Dagster is to "
            raise dg.DagsterInvariantViolationError(f"{message}keep its records (postgresql://...).")
        try:
            url = plain_url(configured)
        except DatabaseUnavailable as error:
            message = f"DAGSTER_PG_URL: {error}"
            raise dg.DagsterInvariantViolationError(message) from None
        return cls(
            postgres_url=url,
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
        )


def _configured(config_value: Any, variable: str | None) -> str:
    """The URL as somebody wrote it; empty where the variable that is to have it is not set."""
    if variable is None:
        return str(pg_url_from_config(config_value))
    return os.environ.get(variable, "").strip()


def _forgotten() -> DagsterSqliteStorage:
    directory = tempfile.mkdtemp(prefix="domiq-validate-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return DagsterSqliteStorage(directory)


def _once(method: Callable[..., bool]) -> Any:
    """The same question about a storage's tables, columns or indexes, which is asked before most queries:
    what was there once is there."""

    @functools.wraps(method)
    def asked(self: Any, *arguments: Any) -> bool:
        found = _SESSIONS.found(self.postgres_url)
        key = (method.__qualname__, *(word for word in arguments if isinstance(word, str)))
        if key not in found and method(self, *arguments):
            found.add(key)
        return key in found

    return asked


class _Runs(PostgresRunStorage):
    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._engine = _SESSIONS.engine(postgres_url)

    has_built_index = _once(PostgresRunStorage.has_built_index)
    has_run_stats_index_cols = _once(PostgresRunStorage.has_run_stats_index_cols)
    has_bulk_actions_selector_cols = _once(PostgresRunStorage.has_bulk_actions_selector_cols)


class _Schedules(PostgresScheduleStorage):
    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._engine = _SESSIONS.engine(postgres_url)

    has_built_index = _once(PostgresScheduleStorage.has_built_index)
    has_instigators_table = _once(PostgresScheduleStorage.has_instigators_table)
    _has_instigators_table = _once(PostgresScheduleStorage._has_instigators_table)


class _Events(PostgresEventLogStorage):
    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._engine = _SESSIONS.engine(postgres_url)

    has_table = _once(PostgresEventLogStorage.has_table)
    has_secondary_index = _once(PostgresEventLogStorage.has_secondary_index)
    has_asset_key_index_cols = _once(PostgresEventLogStorage.has_asset_key_index_cols)
    _has_asset_key_index_cols_on_connection = _once(
        PostgresEventLogStorage._has_asset_key_index_cols_on_connection
    )

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Of 2,000 partitions, one event each and asset would be 5 MB a run, whatever it brings."""
        return True


class _Sessions:
    """The engines of this process, one a database, and what is known of each."""

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}
        self._found: dict[str, set[tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def is_known(self, url: str) -> bool:
        """Whether the tables were made, or looked for, by this process."""
        return url in self._engines

    def engine(self, url: str) -> Engine:
        with self._lock:
            if url not in self._engines:
                self._engines[url] = create_engine(
                    url,
                    isolation_level="AUTOCOMMIT",
                    pool_size=_KEPT_SESSIONS,
                    max_overflow=-1,  # as with Dagster's own, nobody waits for a session
                    pool_use_lifo=True,
                    pool_recycle=_RECYCLED_SECONDS,
                    pool_pre_ping=True,
                )
            return self._engines[url]

    def found(self, url: str) -> set[tuple[str, ...]]:
        """What was seen to be there."""
        return self._found.setdefault(url, set())

    def forget(self) -> None:
        """In a child of this process, whose parent goes on using the sessions."""
        self._lock = threading.Lock()
        for engine in self._engines.values():
            engine.dispose(close=False)


_SESSIONS = _Sessions()
os.register_at_fork(after_in_child=_SESSIONS.forget)


@event.listens_for(Engine, "connect")
def _set_up(connection: Any, _record: Any) -> None:
    """Of psycopg2's connections, which here are Dagster's alone: its storages connect while they are made."""
    if not type(connection).__module__.startswith("psycopg2"):
        return
    before, connection.autocommit = connection.autocommit, True
    with connection.cursor() as cursor:
        cursor.execute(_SET_UP)
    connection.autocommit = before
