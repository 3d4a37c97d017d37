"""What the Helm chart renders, run here: the commands and variables of its containers, their probes, and the
pod that Dagster's K8sRunLauncher makes of a run."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
import requests
import yaml
from dagster import DagsterInstance, DagsterRunStatus
from dagster import __version__ as dagster_version
from dagster._cli.job import execute_launch_command
from dagster._cli.workspace.cli_target import WorkspaceOpts, get_workspace_from_cli_opts
from grpc_health.v1 import health_pb2, health_pb2_grpc
from psycopg.conninfo import conninfo_to_dict

from domiq_dagster.runtime.supervise import free_port
from tests.deploy.chart import ROOT, Manifest, named, rendered, violations
from tests.deploy.pod import Pod
from tests.fixtures.world import World

pytestmark = pytest.mark.slow
_SECONDS = 180


def pod_of(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return dict(named(manifests, kind, name)["spec"]["template"]["spec"])


@pytest.fixture
def secrets(world: World, make_database: Callable[..., str]) -> dict[str, str]:
    """What somebody puts into the Secret."""
    return {
        "DOMIQ_DATABASE_URL": world.url,
        "DAGSTER_PG_URL": make_database(),
        "RESMAN_PARTNER_ID": "standin-partner",
        "RESMAN_API_KEY": "standin-key",
        "DAGSTER_PG_PASSWORD": "not-used",  # nobody asks for one at the tests' server
        "postgresql-password": "not-used",
    }


@pytest.fixture
def manifests(world: World) -> list[Manifest]:
    return for_world(world)


def for_world(world: World, *changes: dict[str, Any]) -> list[Manifest]:
    """The chart for a world: ResMan is the stand-in."""
    resman = {"RESMAN_V1_URL": world.standin.url, "RESMAN_V2_URL": world.standin.url}
    return rendered({"env": resman}, *changes)


def until(true: Callable[[], Any], process: subprocess.Popen[bytes], pod: Pod) -> Any:
    """Waits until something is true, of a process that goes on."""
    end = time.monotonic() + _SECONDS
    while not (found := true()):
        assert process.poll() is None, pod.said
        assert time.monotonic() < end, pod.said
        time.sleep(0.1)
    return found


def test_the_migration_makes_both_schemas_and_finds_nothing_to_do_a_second_time(
    manifests: list[Manifest], secrets: dict[str, str], make_database: Callable[..., str], tmp_path: Path
) -> None:
    empty = {**secrets, "DOMIQ_DATABASE_URL": make_database()}
    spec = pod_of(manifests, "Job", "domiq-sync-migrate")
    pod = Pod(tmp_path / "pod", empty)
    for container, said in (
        ("migrate", "created DomIQ's own tables"),
        ("migrate", "Schema at revision"),  # a second time there is nothing to do
        ("dagster", ""),
    ):
        with pod.running(spec, container) as process:
            assert process.wait(_SECONDS) == 0, pod.said
        assert said in pod.said
    for url, table in (("DOMIQ_DATABASE_URL", "domiq_sync.delivery"), ("DAGSTER_PG_URL", "event_logs")):
        with psycopg.connect(empty[url]) as connection:
            assert connection.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,)


def test_a_worker_is_ready_at_its_probes_works_tells_dagster_and_ends_on_sigterm(
    world: World, manifests: list[Manifest], secrets: dict[str, str], tmp_path: Path
) -> None:
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    spec = pod_of(manifests, "Deployment", "domiq-sync-worker")
    (container,) = spec["containers"]
    (port,) = container["ports"]
    at = f"127.0.0.1:{free_port()}"
    pod = Pod(tmp_path / "pod", secrets, {f"0.0.0.0:{port['containerPort']}": at})
    session = requests.Session()
    session.trust_env = False

    def answers(probe: str) -> Callable[[], bool]:
        path = container[probe]["httpGet"]["path"]

        def asked() -> bool:
            try:
                return session.get(f"http://{at}{path}", timeout=10).status_code == 200
            except requests.ConnectionError:
                return False

        return asked

    with pod.running(spec) as process:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            until(answers(probe), process, pod)
        world.change(conversation, status="qualified")
        until(lambda: world.last(conversation).sync_status == "success", process, pod)
        until(lambda: reported(secrets["DAGSTER_PG_URL"]), process, pod)
        process.send_signal(signal.SIGTERM)
        assert process.wait(spec["terminationGracePeriodSeconds"]) == 0
    assert list((tmp_path / "pod" / "state" / "marks").iterdir())
    assert "Traceback" not in pod.said
    assert not any(secret in pod.said for secret in secrets.values() if secret != "not-used")


def reported(url: str) -> bool:
    """Whether a worker's materialisation is in Dagster's log."""
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('event_logs')").fetchone() == (None,):
            return False
        counted = "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
        return connection.execute(counted).fetchone() != (0,)


@contextmanager
def code_location(spec: Manifest, pod: Pod, port: int) -> Iterator[None]:
    """The code location, once its own probe finds that it serves."""
    (container,) = spec["containers"]
    asked = container["readinessProbe"]["grpc"]

    def serves() -> bool:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            request = health_pb2.HealthCheckRequest(service=asked["service"])
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=10)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    with pod.running(spec) as process:
        until(serves, process, pod)
        yield


class Cluster(ThreadingHTTPServer):
    """Kubernetes's API, as far as a run's Job is made: it keeps what it is told to make."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.jobs: list[Manifest] = []

    def kubeconfig(self, path: Path) -> Path:
        """Writes down how to reach it."""
        cluster = {"server": f"http://127.0.0.1:{self.server_port}"}
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "here",
                    "clusters": [{"name": "here", "cluster": cluster}],
                    "users": [{"name": "nobody", "user": {}}],
                    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "nobody"}}],
                }
            )
        )
        return path


class _Api(BaseHTTPRequestHandler):
    server: Cluster

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/apis/batch/v1/namespaces/domiq/jobs"
        self.server.jobs.append(json.loads(body))
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("beside", ["our values", "a Dagster that was there"])
def test_dagster_starts_a_run_in_a_restricted_pod_of_low_priority_which_does_its_work(
    beside: str,
    world: World,
    secrets: dict[str, str],
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dagster's own K8sRunLauncher asks the code location, and makes a Job, whose container is run here."""
    pytest.importorskip("dagster_k8s", reason="dagster-k8s is not here: pip install dagster-k8s")
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    home, values = instance_folder(beside, secrets["DAGSTER_PG_URL"], tmp_path, cluster)
    for name in ("DAGSTER_PG_URL", "DAGSTER_PG_PASSWORD"):
        monkeypatch.setenv(name, secrets[name])
    manifests = for_world(world, values)
    spec = pod_of(manifests, "Deployment", "domiq-sync-code")
    port = free_port()
    pod = Pod(tmp_path / "code", secrets, {"0.0.0.0": "127.0.0.1", "4000": str(port)})
    options = WorkspaceOpts(grpc_host="127.0.0.1", grpc_port=port)
    with DagsterInstance.from_config(str(home)) as instance:
        with code_location(spec, pod, port):
            run = execute_launch_command(instance=instance, workspace_opts=options, job_name="housekeeping")
            with get_workspace_from_cli_opts(
                instance, version=dagster_version, workspace_opts=options
            ) as workspace:
                instance.launch_run(run.run_id, workspace)
        (job,) = cluster.jobs
        assert kubernetes_validate.validate(job, "1.37", strict=True)
        template = job["spec"]["template"]
        assert violations(template["spec"]) == []
        assert template["spec"]["priorityClassName"] == "domiq-sync-run"
        policy = named(manifests, "NetworkPolicy", "domiq-sync")["spec"]["podSelector"]["matchLabels"]
        assert policy.items() <= template["metadata"]["labels"].items()
        assert job["spec"]["ttlSecondsAfterFinished"] == 3600
        (container,) = template["spec"]["containers"]
        assert container["image"] == spec["containers"][0]["image"]
        variables = [variable["name"] for variable in container["env"]]
        assert len(set(variables)) == len(variables)
        (tmp_path / "kubeconfig").unlink()  # the run's pod has no token of the cluster's API
        of_run = Pod(tmp_path / "run", secrets)
        with of_run.running(template["spec"]) as process:
            assert process.wait(_SECONDS) == 0, of_run.said
        ended = instance.get_run_by_id(run.run_id)
        assert ended is not None
        assert ended.status == DagsterRunStatus.SUCCESS, of_run.said


def instance_folder(beside: str, url: str, folder: Path, cluster: Cluster) -> tuple[Path, dict[str, Any]]:
    """DAGSTER_HOME as Dagster's chart makes it, but for where the cluster is, and the values that ours has
    beside it. `beside`: of deploy/dagster-values.yaml, or of a chart that nobody told of the sync, with
    Dagster's own storage."""
    given = yaml.safe_load((ROOT / "deploy/dagster-values.yaml").read_text())
    made = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    launcher = {
        "load_incluster_config": False,
        "kubeconfig_file": str(cluster.kubeconfig(folder / "kubeconfig")),
        "job_namespace": "domiq",
        "image_pull_policy": given["runLauncher"]["config"]["k8sRunLauncher"]["imagePullPolicy"],
        "service_account_name": "dagster",
        "dagster_home": given["global"]["dagsterHome"],
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": "dagster-postgresql-secret",
    }
    values: dict[str, Any] = {}
    if beside != "our values":
        launcher |= {"dagster_home": "/opt/dagster/dagster_home", "image_pull_policy": "Always"}
        values = {"dagster": {"passwordSecret": {"name": "dagster-postgresql-secret"}}}
        where = conninfo_to_dict(url)
        made["storage"] = {
            "postgres": {
                "postgres_db": {
                    "username": where["user"],
                    "password": {"env": "DAGSTER_PG_PASSWORD"},
                    "hostname": "",
                    "port": int(str(where["port"])),
                    "db_name": where["dbname"],
                    "params": {"host": where["host"]},
                }
            }
        }
    made["run_launcher"] = {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": launcher}
    home = folder / "instance"
    home.mkdir()
    (home / "dagster.yaml").write_text(yaml.safe_dump(made))
    return home, values
