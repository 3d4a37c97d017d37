"""The definitions as a whole: they load anywhere, say nothing secret, and show the data's way."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dagster import AssetKey, Definitions
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from domiq_dagster.definitions import build_definitions, defs
from domiq_dagster.resources import LimitsResource, ThresholdResource, all_resources

ROOT = Path(__file__).resolve().parents[3]
SECRETS = {
    "DOMIQ_DATABASE_URL": "postgresql://ada:hunter2@db.example.com/domiq",
    "RESMAN_PARTNER_ID": "partner-of-example",
    "RESMAN_API_KEY": "key-of-example",
}


def test_they_load_without_a_database_or_an_environment_and_leave_nothing_behind(tmp_path: Path) -> None:
    load = (
        "import dagster, domiq_dagster.definitions as d; dagster.Definitions.validate_loadable(d.defs); "
        "print(len(d.defs.resolve_asset_graph().executable_asset_keys))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", load],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "9\n", "")
    assert list(tmp_path.iterdir()) == []


def test_they_load_without_what_only_few_commands_need() -> None:
    """Alembic and pandas took a third of the time for which each start waits."""
    load = "import sys, domiq_dagster.definitions; print({'pandas', 'alembic', 'apprise'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("command", [["dagster", "definitions", "validate"], ["dg", "check", "defs"]])
def test_a_newcomer_validates_them_in_the_root_without_a_database(command: list[str], tmp_path: Path) -> None:
    """F14: no error, no noise, nothing left behind."""
    programs = Path(sys.executable).parent
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [str(programs / command[0]), *command[1:]],
        env={**own, "VIRTUAL_ENV": str(programs.parent), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert re.search(r"All code locations passed validation|All definitions loaded successfully", said)
    assert not re.search(r"ERROR|Traceback|Exception|socket", said), said
    assert list(tmp_path.glob("domiq-*")) == []


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
def test_no_secret_shows_in_the_resources_or_in_what_the_ui_shows_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    made = build_definitions()
    snap = RepositorySnap.from_def(made.get_repository_def())
    shown = serialize_value(snap) + repr(all_resources()) + repr(made)
    assert "max_accounts" in shown
    for secret in SECRETS.values():
        assert secret not in shown


def test_the_resources_config_is_figures_only() -> None:
    for resource in all_resources().values():
        assert {type(v) for v in resource.model_dump().values()} <= {int, float}


@pytest.mark.parametrize(
    ("resource", "bad"),
    [
        (LimitsResource, {"max_accounts": 0}),
        (LimitsResource, {"push_seconds": 0.0}),
        (LimitsResource, {"pull_gap_minutes": -1.0}),
        (ThresholdResource, {"lowest_success_rate": 101.0}),
        (ThresholdResource, {"window_hours": 0.0}),
    ],
)
def test_a_figure_that_makes_no_sense_is_refused(
    resource: type[LimitsResource] | type[ThresholdResource], bad: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        resource(**bad)  # type: ignore[arg-type]


def test_the_assets_follow_one_another_as_the_data_moves() -> None:
    graph = defs.resolve_asset_graph()

    def above(name: str) -> set[str]:
        return {key.to_user_string() for key in graph.get(AssetKey(name)).parent_keys}

    assert above("resman_leads") == {"domiq/property", "resman/prospects"}
    assert above("inbound_status_changes") == {"resman_leads", "domiq/conversation"}
    assert above("conversation_status_pushes") == {"domiq/conversation", "inbound_status_changes"}
    assert above("status_sync_log") == {"conversation_status_pushes", "inbound_status_changes"}
    for name in ("status_sync_success_rate", "status_workflow_actions", "status_sync_daily"):
        assert above(name) == {"status_sync_log"}
    assert above("status_sync_report") == {"status_sync_daily"}
    assert above("status_notifications") == {"status_sync_log", "status_workflow_actions"}
    external = {key.to_user_string() for key in graph.external_asset_keys}
    assert external == {"domiq/property", "domiq/conversation", "resman/prospects"}


def test_every_asset_check_job_schedule_and_sensor_says_what_it_is() -> None:
    graph = defs.resolve_asset_graph()
    nameless = [k for k in graph.get_all_asset_keys() if not graph.get(k).description]
    checks = [k for k in graph.asset_check_keys if not graph.get_check_spec(k).description]
    others = [
        d.name
        for d in [*(defs.jobs or []), *(defs.schedules or []), *(defs.sensors or [])]
        if not d.description
    ]
    assert (nameless, checks, others) == ([], [], [])


def test_a_resource_can_be_replaced() -> None:
    other = LimitsResource(max_accounts=9)
    made = build_definitions(limits=other)
    assert isinstance(made, Definitions)
    assert (made.resources or {})["limits"] is other
    assert (defs.resources or {})["limits"] is not other
