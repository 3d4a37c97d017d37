"""deploy/dagster-values.yaml, the values for Dagster's own chart: as dagster.yaml, and as our chart is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from domiq_dagster.runtime import dagster_home
from tests.deploy.chart import NAMESPACE, RELEASE, ROOT, helm, named, rendered, violations

GIVEN: dict[str, Any] = yaml.safe_load((ROOT / "deploy/dagster-values.yaml").read_text())
SHIPPED: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text())
PARTS = ("dagsterWebserver", "dagsterDaemon")
_TEMPLATE = """
{{- range .Values.extraManifests }}
---
{{ tpl (toYaml .) $ }}
{{- end }}
"""
"""How Dagster's chart renders what is to be made beside its own."""
_INSTANCE = """
kind: ConfigMap
data:
  dagster.yaml: |
    schedule_storage: {module: dagster_postgres.schedule_storage, class: PostgresScheduleStorage}
    run_launcher:
      module: dagster_k8s
      class: K8sRunLauncher
      config: {job_namespace: {{ .Release.Namespace }}}
    run_storage: {module: dagster_postgres.run_storage, class: PostgresRunStorage}
    event_log_storage: {module: dagster_postgres.event_log, class: PostgresEventLogStorage}
    run_monitoring: {enabled: true, max_runtime_seconds: 3600}
"""
"""What it makes of its values, in little."""


def snake(value: Any) -> Any:
    """Keys as dagster.yaml writes them."""
    if isinstance(value, dict):
        return {re.sub("[A-Z]", lambda m: f"_{m[0].lower()}", k): snake(v) for k, v in value.items()}
    return [snake(item) for item in value] if isinstance(value, list) else value


def as_instance() -> dict[str, Any]:
    """What is given, in the form of dagster.yaml."""
    daemon, retention = GIVEN["dagsterDaemon"], GIVEN["retention"]
    assert retention["enabled"]
    return {
        "run_monitoring": snake(daemon["runMonitoring"]),
        "run_retries": snake(daemon["runRetries"]),
        "concurrency": {"runs": snake(daemon["runCoordinator"]["config"]["queuedRunCoordinator"])},
        "sensors": snake(daemon["sensors"]),
        "schedules": snake(daemon["schedules"]),
        "retention": {kind: snake(retention[kind]) for kind in ("schedule", "sensor")},
        "python_logs": snake(GIVEN["pythonLogs"]),
        "telemetry": GIVEN["telemetry"],
        **GIVEN["additionalInstanceConfig"],
    }


def test_what_dagster_yaml_says_is_said_here_too() -> None:
    found = as_instance()
    of_kubernetes = {"max_resume_run_attempts": 0, "free_slots_after_run_end_seconds": 0}
    monitoring = {**SHIPPED["run_monitoring"], **of_kubernetes}
    assert found.pop("local_artifact_storage")["config"] == {"base_dir": "/tmp"}
    assert found == {**{k: v for k, v in SHIPPED.items() if k != "storage"}, "run_monitoring": monitoring}


def test_the_storage_is_put_into_what_dagsters_chart_makes(tmp_path: Path) -> None:
    """Rendered by Helm, in a chart that has of Dagster's what this relies on."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: dagster\nversion: 0.1.0\n")
    (tmp_path / "templates" / "configmap-instance.yaml").write_text(_INSTANCE)
    (tmp_path / "templates" / "extra-manifests.yaml").write_text(_TEMPLATE)
    with helm.Chart.load(tmp_path) as chart:
        files = chart.render({"extraManifests": GIVEN["extraManifests"]}, name="dagster", namespace=NAMESPACE)
    (manifest,) = [m for m in yaml.safe_load_all(files["dagster/templates/extra-manifests.yaml"]) if m]
    assert manifest["kind"] == "ConfigMap"
    assert yaml.safe_load(manifest["data"]["dagster.yaml"]) == {
        "storage": SHIPPED["storage"],
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {"job_namespace": NAMESPACE},
        },
        "run_monitoring": {"enabled": True, "max_runtime_seconds": 3600},
    }
    for part in PARTS:
        instance = next(v for v in GIVEN[part]["volumes"] if v["name"] == "instance")
        assert instance["configMap"]["name"] == manifest["metadata"]["name"]


def test_it_finds_what_our_chart_makes() -> None:
    manifests = rendered()
    service = named(manifests, "Service", f"{RELEASE}-code")
    (server,) = GIVEN["dagsterWebserver"]["workspace"]["servers"]
    assert server["host"] == service["metadata"]["name"]
    assert server["port"] == service["spec"]["ports"][0]["port"]
    assert server["name"] == dagster_home.LOCATION
    policy = named(manifests, "NetworkPolicy", f"{RELEASE}-code")
    (allowed,) = policy["spec"]["ingress"][0]["from"]
    assert allowed == {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "dagster"}}}
    code = named(manifests, "Deployment", f"{RELEASE}-code")["spec"]["template"]["spec"]
    for part in PARTS:
        image = GIVEN[part]["image"]
        assert f"{image['repository']}:{image['tag']}" == code["containers"][0]["image"]
        assert GIVEN[part]["podSecurityContext"] == code["securityContext"]
        assert GIVEN[part]["securityContext"] == code["containers"][0]["securityContext"]
        secret = next(v["secret"] for v in GIVEN[part]["volumes"] if v["name"] == "secrets")
        assert secret["secretName"] == "domiq-sync"
        assert {m["name"] for m in GIVEN[part]["volumeMounts"]} == {v["name"] for v in GIVEN[part]["volumes"]}


def test_its_pods_keep_to_the_restricted_level() -> None:
    for part in PARTS:
        pod = {
            "automountServiceAccountToken": False,  # Dagster's chart gives them one: they make the runs' Jobs
            "enableServiceLinks": False,
            "securityContext": GIVEN[part]["podSecurityContext"],
            "volumes": GIVEN[part]["volumes"],
            "containers": [{"name": part, "securityContext": GIVEN[part]["securityContext"]}],
        }
        assert violations(pod) == []


def test_the_daemon_is_as_the_one_of_dev(tmp_path: Path) -> None:
    ours = dagster_home.environment({}, home=tmp_path, database_url="", dagster_pg_url="", resman={})
    given = {variable["name"]: variable["value"] for variable in GIVEN["dagsterDaemon"]["env"]}
    intervals = {name: value for name, value in given.items() if name.endswith("_INTERVAL_SECONDS")}
    assert intervals == {name: ours[name] for name in intervals}
    assert len(intervals) == 2
    assert GIVEN["dagsterDaemon"]["heartbeatTolerance"] == 120


def test_the_chart_that_it_names_is_of_the_dagster_that_was_tested() -> None:
    (tested,) = re.findall(r"^dagster==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    for page in ("deploy/dagster-values.yaml", "docs/kubernetes.md"):
        assert set(re.findall(r"--version (\S+)", (ROOT / page).read_text())) == {tested}, page
