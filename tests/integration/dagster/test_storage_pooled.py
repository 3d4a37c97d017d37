"""Dagster's storage through pgbouncer in transaction mode: sessions are shared between transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.test_utils import create_run_for_test

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.runtime.files import shipped
from tests.fixtures.pgbouncer import PROGRAM, pgbouncer

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture
def pooled(
    pg_server: EmbeddedServer,
    make_database: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dg.DagsterInstance]:
    """An instance of the shipped dagster.yaml whose two sessions of the server are everybody's."""
    name = make_database().partition("@/")[2].partition("?")[0]
    (tmp_path / "dagster.yaml").write_text(shipped("dagster.yaml").read_text())
    with pgbouncer(pg_server.socket_dir, "transaction", pool_size=2) as port:
        monkeypatch.setenv("DAGSTER_PG_URL", f"postgresql://postgres@127.0.0.1:{port}/{name}")
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            yield instance


def test_runs_and_events_of_many_at_once_are_all_kept(pooled: dg.DagsterInstance) -> None:
    """C3: more writers than sessions, each with its own transactions."""

    def one(number: int) -> str:
        run = create_run_for_test(pooled, job_name=f"job_{number}", tags={"number": str(number)})
        pooled.report_runless_asset_event(dg.AssetMaterialization("leads", partition=f"p{number}"))
        pooled.report_run_canceled(run)
        return str(run.run_id)

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(one, range(40)))

    assert {run.run_id for run in pooled.get_runs()} == set(made)
    assert {run.status for run in pooled.get_runs()} == {dg.DagsterRunStatus.CANCELED}
    assert pooled.get_materialized_partitions(dg.AssetKey("leads")) == {f"p{n}" for n in range(40)}
    assert all(pooled.all_logs(run_id) for run_id in made)


def test_schedules_and_their_ticks_are_kept(pooled: dg.DagsterInstance) -> None:
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("domiq_dagster"), "__repository__"), "nightly"
    )
    state = InstigatorState(
        origin, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, ScheduleInstigatorData("0 3 * * *", 1.0)
    )
    pooled.add_instigator_state(state)
    tick = pooled.create_tick(
        TickData(
            origin.get_id(), "nightly", InstigatorType.SCHEDULE, TickStatus.STARTED, 1.0, selector_id="x"
        )
    )
    pooled.update_tick(tick.with_status(TickStatus.SUCCESS))
    assert [one.name for one in pooled.all_instigator_state()] == ["nightly"]
    assert [t.status for t in pooled.get_ticks(origin.get_id(), "x")] == [TickStatus.SUCCESS]


def test_a_job_runs_and_its_keys_of_partitions_are_kept(pooled: dg.DagsterInstance) -> None:
    @dg.asset
    def leads() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"read": 3})

    pooled.add_dynamic_partitions("property", ["a", "b"])
    assert dg.materialize([leads], instance=pooled).success
    found = pooled.get_latest_materialization_event(dg.AssetKey("leads"))
    assert found is not None and found.asset_materialization is not None
    assert found.asset_materialization.metadata["read"].value == 3
    assert list(pooled.get_dynamic_partitions("property")) == ["a", "b"]
