"""What the tests of the Dagster layer share: a `House`, that is a world of the engine's tests with the
environment that Dagster's processes have, and a Dagster instance in which jobs run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance, ExecuteInProcessResult, RunRequest

from domiq_dagster.definitions import defs
from domiq_dagster.partitions import properties
from domiq_dagster.ranges import all_properties
from tests.integration.sync import conftest as sync_tests

standin_url = sync_tests.standin_url
standin = sync_tests.standin
domiq_url = sync_tests.domiq_url
world = sync_tests.world
World = sync_tests.World
POST = sync_tests.POST


class House:
    """A world, and a Dagster that looks after it."""

    def __init__(self, world: World, instance: DagsterInstance) -> None:
        self.world, self.instance = world, instance

    def connect(self, *places: int, **settings: Any) -> list[UUID]:
        """The DomIQ properties of the stand-in's first properties, connected, and known as partitions."""
        made = [self.world.property(place, **settings) for place in places]
        self.instance.add_dynamic_partitions(
            str(properties.name), [i.partition_key for i in self.world.integrations()]
        )
        return made

    def keys(self) -> Sequence[str]:
        return self.instance.get_dynamic_partitions(str(properties.name))

    def run(self, job: str, **options: Any) -> ExecuteInProcessResult:
        """Runs a job by name. Options: `keys` (a range from the first to the last), `partition`, `tags`,
        `config` (of resman_leads), `ops` (of others), `resources`; `request`, whose tags and config it takes;
        `fails` where the run is to be red."""
        keys, fails = options.pop("keys", None), options.pop("fails", False)
        request: RunRequest | None = options.pop("request", None)
        tags = {
            **options.pop("tags", {}),
            **(request.tags if request else {}),
            **(all_properties(keys) if keys else {}),
        }
        config, resources = options.pop("config", None), options.pop("resources", {})
        run_config = dict(request.run_config) if request else {}  # any at all would replace the job's own
        if config:
            run_config["ops"] = {"resman_leads": {"config": config}}
        if ops := options.pop("ops", None):
            run_config["ops"] = ops
        if resources:
            run_config["resources"] = {n: {"config": v} for n, v in resources.items()}
        found = defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags=tags,
            partition_key=options.pop("partition", None),
            run_config=run_config or None,
            raise_on_error=False,
            asset_selection=options.pop("selection", None),
        )
        assert not options, f"unknown: {options}"
        assert found.success is not fails, [e.message for e in found.all_events if e.is_failure]
        return found

    def materialise(self, *names: str, **options: Any) -> ExecuteInProcessResult:
        """Some assets by name, with their checks, in one run of the job over all assets."""
        return self.run("__ASSET_JOB", selection=[AssetKey(n) for n in names], **options)

    def done(self, asset: str) -> set[str]:
        """The partitions that are materialised, as the UI would show them."""
        return set(self.instance.get_materialized_partitions(AssetKey(asset)))

    def metadata(self, asset: str, partition: str | None = None) -> dict[str, Any]:
        """Of the latest materialisation, as plain values."""
        events = self.instance.fetch_materializations(AssetKey(asset), limit=100).records
        found = next(e.asset_materialization for e in events if e.partition_key == partition)
        assert isinstance(found, AssetMaterialization)
        return plain(found.metadata)


def plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata values as what they hold; a table as the list of its rows."""
    return {
        name: [dict(r.data) for r in value.records] if hasattr(value, "records") else value.value
        for name, value in metadata.items()
    }


def logged(run: ExecuteInProcessResult, instance: DagsterInstance, level: int) -> list[str]:
    """What a run's log says at this level, apart from Dagster's own events."""
    entries = instance.all_logs(run.run_id)
    return [e.user_message for e in entries if e.level == level and e.dagster_event is None]


@pytest.fixture
def environment(world: World, domiq_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The environment as an operator sets it, pointing at the world."""
    for name, value in {
        "DOMIQ_DATABASE_URL": domiq_url,
        "DOMIQ_HOME": str(tmp_path),
        "RESMAN_V1_URL": world.standin.url,
        "RESMAN_V2_URL": world.standin.url,
        "RESMAN_PARTNER_ID": "standin-partner",
        "RESMAN_API_KEY": "standin-key",
    }.items():
        monkeypatch.setenv(name, value)
    return world


@pytest.fixture
def house(environment: World) -> Iterator[House]:
    """A house whose Dagster keeps its records in memory."""
    with DagsterInstance.ephemeral() as instance:
        yield House(environment, instance)


@pytest.fixture
def stored_house(
    environment: World,
    tmp_path: Path,
    make_template: Callable[[str, Callable[[str], None]], str],
    make_database: Callable[..., str],
) -> Iterator[House]:
    """A house whose Dagster keeps its records in PostgreSQL, as in production."""

    def build(url: str) -> None:
        with _stored(url, tmp_path):
            pass

    with _stored(make_database(make_template("dagster_template", build)), tmp_path) as instance:
        yield House(environment, instance)


def _stored(url: str, place: Path) -> DagsterInstance:
    storage = {"storage": {"postgres": {"postgres_url": url}}, "telemetry": {"enabled": False}}
    return DagsterInstance.local_temp(str(place), overrides=storage)
