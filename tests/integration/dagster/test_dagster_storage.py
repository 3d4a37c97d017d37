"""Dagster's own records: whatever the form of their URL, and however the database is set."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from domiq_dagster.dagster_storage import PostgresStorage
from domiq_dagster.runtime.dagster_home import prepare
from tests.fixtures.domiq_shapes import run


@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg"])
def test_dagster_keeps_its_records_where_its_url_points(
    scheme: str, make_database: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C2, C7: with the dagster.yaml that is shipped, in a database with odd settings."""
    url = make_database()
    name = url.partition("@/")[2].partition("?")[0]
    odd = {"default_transaction_read_only": "on", "DateStyle": "'SQL, DMY'", "idle_session_timeout": "'50ms'"}
    run(url, *(f"ALTER DATABASE {name} SET {setting} = {value}" for setting, value in odd.items()))
    monkeypatch.setenv("DAGSTER_PG_URL", f" {url.replace('postgresql', scheme, 1)} ")
    monkeypatch.setenv("DAGSTER_HOME", str(prepare(tmp_path)))
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("odd", ["one"])
        assert list(instance.get_dynamic_partitions("odd")) == ["one"]


def test_a_url_of_another_kind_is_refused_in_one_sentence() -> None:
    """C7: and without the password."""
    with pytest.raises(
        dg.DagsterInvariantViolationError, match=r"DAGSTER_PG_URL: .* write postgresql://"
    ) as caught:
        PostgresStorage.from_config_value(None, {"postgres_url": "mysql://ada:s3cret@db.example.com/dagster"})
    assert "s3cret" not in str(caught.value)


def test_without_its_url_dagster_is_told_to_set_it_and_nothing_is_kept_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that found nobody's database would fail at each tick, or keep its runs where nobody looks."""
    monkeypatch.delenv("DAGSTER_PG_URL", raising=False)
    monkeypatch.delenv("DAGSTER_IS_DEFS_VALIDATION_CLI", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare(tmp_path)))
    with (
        pytest.raises(dg.DagsterInvariantViolationError, match=r"^DAGSTER_PG_URL is not set: set it to"),
        dg.DagsterInstance.get(),
    ):
        pass
