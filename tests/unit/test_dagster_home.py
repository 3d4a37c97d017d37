import json
import socket
import sys
from pathlib import Path

import pytest

from domiq_dagster.runtime import dagster_home
from domiq_dagster.runtime.dagster_home import PortTaken, environment, prepare
from domiq_dagster.runtime.files import shipped
from domiq_dagster.runtime.supervise import free_port


def make_environment(home: Path, base: dict[str, str] | None = None) -> dict[str, str]:
    return environment(
        base or {},
        home=home,
        database_url="postgresql://localhost/domiq",
        dagster_pg_url="postgresql://localhost/dagster",
        resman={
            "RESMAN_V1_URL": "http://127.0.0.1:1/v1",
            "RESMAN_V2_URL": "http://127.0.0.1:1/v2",
            "RESMAN_PARTNER_ID": "partner",
            "RESMAN_API_KEY": "key",
        },
    )


def test_prepare_makes_a_home_with_the_shipped_instance_configuration(tmp_path: Path) -> None:
    directory = prepare(tmp_path / "state")

    assert directory == tmp_path / "state" / "dagster"
    assert (directory / "dagster.yaml").read_text() == shipped("dagster.yaml").read_text()
    assert [path.name for path in directory.iterdir()] == ["dagster.yaml"]


def test_prepare_leaves_an_equal_file_alone_and_replaces_a_different_one(tmp_path: Path) -> None:
    file = prepare(tmp_path) / "dagster.yaml"
    made = file.stat()

    prepare(tmp_path)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)

    file.write_text("telemetry:\n  enabled: true\n")
    prepare(tmp_path)
    assert file.read_text() == shipped("dagster.yaml").read_text()


def test_the_home_of_a_relative_state_directory_is_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert prepare(Path("state")) == tmp_path / "state" / "dagster"
    assert make_environment(Path("state"))["DAGSTER_HOME"] == str(tmp_path / "state" / "dagster")
    assert make_environment(Path("state"))["DOMIQ_HOME"] == str(tmp_path / "state")


def test_the_environment_wins_over_what_it_is_based_on_and_keeps_the_rest(tmp_path: Path) -> None:
    base = {"PATH": "/bin", "DAGSTER_HOME": "/elsewhere", "RESMAN_API_KEY": "another"}

    made = make_environment(tmp_path, base)

    assert made == {
        "PATH": "/bin",
        "DOMIQ_HOME": str(tmp_path),
        "DOMIQ_DATABASE_URL": "postgresql://localhost/domiq",
        "RESMAN_V1_URL": "http://127.0.0.1:1/v1",
        "RESMAN_V2_URL": "http://127.0.0.1:1/v2",
        "RESMAN_PARTNER_ID": "partner",
        "RESMAN_API_KEY": "key",
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "DAGSTER_PG_URL": "postgresql://localhost/dagster",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "DAGSTER_EVENT_LOG_CONSUMER_DAEMON_INTERVAL_SECONDS": "30",
        "FRESHNESS_DAEMON_INTERVAL_SECONDS": "60",
        "PYTHONUNBUFFERED": "1",
    }
    assert base["RESMAN_API_KEY"] == "another"


def test_the_shared_code_server_serves_what_the_shipped_workspace_names() -> None:
    # Schedules and sensors are known by their location: with another name they would all be new ones.
    lines = [line.strip() for line in shipped("workspace.yaml").read_text().splitlines()]

    assert f"module_name: {dagster_home.MODULE}" in lines
    assert f"location_name: {dagster_home.LOCATION}" in lines


def test_the_workspace_names_the_port_that_the_code_server_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_home, "_heartbeats", lambda _url: {})
    home = prepare(tmp_path)

    storage, code, daemon, webserver = dagster_home.programs(
        make_environment(tmp_path), webserver_port=free_port()
    )

    entry = json.loads((home / "workspace.yaml").read_text())["load_from"][0]["grpc_server"]
    assert entry == {
        "host": "127.0.0.1",
        "port": int(_option(code.argv, "-p")),
        "location_name": "domiq_dagster",
    }
    assert _option(daemon.argv, "-w") == _option(webserver.argv, "-w") == str(home / "workspace.yaml")
    assert {program.argv[0] for program in (storage, code, daemon, webserver)} == {sys.executable}
    # Tables first, while the code loads; then both of those that need them, together.
    assert storage.finishes
    assert [program.at_once for program in (storage, code, daemon, webserver)] == [True, True, False, True]


def test_without_a_workspace_the_shipped_one_is_used(tmp_path: Path) -> None:
    program = dagster_home.webserver(make_environment(tmp_path), free_port())

    assert _option(program.argv, "-w") == str(shipped("workspace.yaml"))


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(PortTaken, match=f"Port {port} of 127.0.0.1 is in use"):
            dagster_home.webserver(make_environment(tmp_path), port)


@pytest.mark.parametrize(
    ("before", "now", "ready"),
    [
        ({}, {}, False),
        ({}, dict.fromkeys(("SENSOR", "SCHEDULER"), "new"), False),
        ({}, dict.fromkeys(("SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR"), "new"), True),
        (
            dict.fromkeys(("SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR"), "old"),
            dict.fromkeys(("SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR"), "old"),
            False,
        ),
        (
            dict.fromkeys(("SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR"), "old"),
            {"SENSOR": "new", "SCHEDULER": "new", "QUEUED_RUN_COORDINATOR": "old"},
            False,
        ),
    ],
)
def test_a_daemon_is_ready_once_all_its_parts_have_reported_in_under_a_new_id(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: dict[str, str],
    now: dict[str, str],
    ready: bool,
) -> None:
    answers = iter([before, now])
    monkeypatch.setattr(dagster_home, "_heartbeats", lambda _url: next(answers))

    program = dagster_home.daemon(make_environment(tmp_path))

    assert program.ready is not None
    assert program.ready() is ready


def _option(argv: object, name: str) -> str:
    assert isinstance(argv, list)
    return str(argv[argv.index(name) + 1])
