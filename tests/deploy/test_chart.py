"""The Helm chart: linted, rendered over a matrix of values, and held against Kubernetes's own schemas and
pod-security standards. `test_chart_for_real.py` runs what it renders."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from domiq_dagster.runtime.secret_files import VARIABLES
from tests.deploy.chart import (
    CHART,
    ROOT,
    Manifest,
    helm,
    named,
    notes,
    pods,
    rendered,
    values,
    violations,
)

kubernetes_validate = pytest.importorskip(
    "kubernetes_validate", reason="kubernetes-validate is not here: pip install kubernetes-validate"
)

OPERATORS = {"ServiceMonitor", "PrometheusRule"}
"""Kinds of Prometheus's operator, of which Kubernetes has no schema."""
KUBERNETES = ("1.27", "1.32", "1.37")
"""From the oldest that Chart.yaml admits to the newest that there is a schema of."""
SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "no code location": {"codeLocation": {"enabled": False}},
    "no migration": {"migrate": {"enabled": False}},
    "no network policy": {"networkPolicy": {"enabled": False}},
    "policies closed": {
        "networkPolicy": {
            "metricsFrom": [],
            "dagsterFrom": [],
            "tcpPorts": [],
            "postgresPorts": [5432, 6432],
            "postgresTo": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
            "extraEgress": [{"ports": [{"port": 4318, "protocol": "TCP"}]}],
        }
    },
    "account of its own": {"serviceAccount": {"create": False, "name": "somebody"}},
    "account with annotations": {"serviceAccount": {"name": "somebody", "annotations": {"a/b": "c"}}},
    "priority class of the cluster": {"runs": {"priorityClass": {"create": False, "name": "low"}}},
    "no priority class": {"runs": {"priorityClass": {"create": False}}},
    "claim": {"state": {"claim": {"create": True, "storageClassName": "nfs"}}},
    "claim that is there": {"state": {"claim": {"create": False, "existing": "state"}}},
    "monitored": {
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboard": {"enabled": True},
        }
    },
    "Dagster was there": {"dagster": {"passwordSecret": {"name": "dagster-postgresql-secret"}}},
    "owner's secret": {"migrate": {"secret": {"name": "owner", "key": "url"}, "args": ["--no-log-index"]}},
    "image by digest": {
        "image": {"digest": f"sha256:{'0' * 64}"},
        "imagePullSecrets": [{"name": "registry"}],
    },
    "worker's options": {
        "worker": {
            "pull": False,
            "notify": False,
            "metricsByProperty": True,
            "maxUnavailable": "50%",
            "grace": 60,
        }
    },
    "placed": {
        part: {
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "spot", "operator": "Exists"}],
            "podLabels": {"team": "leasing"},
            "podAnnotations": {"a/b": "c"},
        }
        for part in ("worker", "codeLocation", "runs")
    },
    "certificates": {
        "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
    },
    "variables": {
        "env": {"DOMIQ_LOG_LEVEL": "DEBUG", "DOMIQ_ARCHIVE_AFTER_DAYS": "400"},
        "secret": {"variables": [*VARIABLES]},
    },
}
CASES = [(), *itertools.combinations(SWITCHES, 1), *itertools.combinations(SWITCHES, 2)]
"""Each switch by itself and with each other."""


def rendered_with(names: tuple[str, ...]) -> list[Manifest]:
    return rendered(*(SWITCHES[name] for name in names))


@pytest.fixture(scope="module")
def everything() -> list[Manifest]:
    """Each manifest of each case once."""
    found = {json.dumps(m, sort_keys=True): m for case in CASES for m in rendered_with(case)}
    return list(found.values())


def test_helm_has_nothing_to_object_to() -> None:
    report = helm.lint(CHART, values(), strict=True)
    assert report["errors"] == []
    assert [m for m in report["messages"] if m["severity"] > 1] == []  # an icon is recommended


@pytest.mark.parametrize("version", KUBERNETES)
def test_each_manifest_of_each_case_is_what_kubernetes_takes(
    everything: list[Manifest], version: str
) -> None:
    judged = [m for m in everything if m["kind"] not in OPERATORS]
    assert len(judged) > 50
    for manifest in judged:
        assert kubernetes_validate.validate(manifest, version, strict=True) == version


def test_the_schemas_refuse_a_key_that_nobody_knows() -> None:
    manifest = rendered()[0]
    manifest["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(manifest, KUBERNETES[-1], strict=True)


def test_each_pod_keeps_to_the_restricted_level(everything: list[Manifest]) -> None:
    found = list(pods(everything))
    assert {name.partition("domiq-sync")[2] for name, _ in found} == {"-worker", "-code", "-migrate"}
    assert [
        (name, violations(template["spec"])) for name, template in found if violations(template["spec"])
    ] == []


BREACHES: Mapping[str, tuple[tuple[str | int, ...], Any]] = {
    "root": (("securityContext", "runAsNonRoot"), False),
    "user 0": (("containers", 0, "securityContext", "runAsUser"), 0),
    "a privilege": (("containers", 0, "securityContext", "privileged"), True),
    "escalation": (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True),
    "a capability": (
        ("containers", 0, "securityContext", "capabilities"),
        {"drop": ["ALL"], "add": ["CHOWN"]},
    ),
    "no capability dropped": (("containers", 0, "securityContext", "capabilities"), {}),
    "no seccomp": (("securityContext", "seccompProfile"), {"type": "Unconfined"}),
    "the host's network": (("hostNetwork",), True),
    "a folder of the host": (("volumes", 0), {"name": "host", "hostPath": {"path": "/"}}),
    "a port of the host": (("containers", 0, "ports", 0, "hostPort"), 9273),
    "a root to write on": (("containers", 0, "securityContext", "readOnlyRootFilesystem"), False),
    "a token": (("automountServiceAccountToken",), True),
    "an unmasked /proc": (("containers", 0, "securityContext", "procMount"), "Unmasked"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_what_the_restricted_level_forbids_would_be_found(breach: str) -> None:
    pod = copy.deepcopy(named(rendered(), "Deployment", "domiq-sync-worker")["spec"]["template"]["spec"])
    assert violations(pod) == []
    (*way, last), value = BREACHES[breach]
    at = pod
    for step in way:
        at = at[step]
    at[last] = value
    assert len(violations(pod)) == 1


@pytest.mark.parametrize("case", [(), *itertools.combinations(SWITCHES, 1)], ids=" ".join)
def test_what_names_something_else_finds_it(case: tuple[str, ...]) -> None:
    """Services, budgets and policies find pods; ports have their names, mounts their volumes."""
    manifests = rendered_with(case)
    assert len({(m["kind"], m["metadata"]["name"]) for m in manifests}) == len(manifests)
    templates = [template for _, template in pods(manifests)]
    labels = [template["metadata"]["labels"] for template in templates]
    for manifest in manifests:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "Service":
            chosen = [t for t in templates if spec["selector"].items() <= t["metadata"]["labels"].items()]
            (one,) = chosen
            known = {port["name"] for c in one["spec"]["containers"] for port in c["ports"]}
            assert {port["targetPort"] for port in spec["ports"]} <= known
        if manifest["kind"] == "NetworkPolicy":
            wanted = spec["podSelector"]["matchLabels"]
            assert any(wanted.items() <= has.items() for has in labels)
        if manifest["kind"] in ("PodDisruptionBudget", "Deployment"):
            wanted = spec["selector"]["matchLabels"]
            assert [wanted.items() <= has.items() for has in labels].count(True) == 1
    for template in templates:
        containers = template["spec"]["containers"]
        mounted = {mount["name"] for one in containers for mount in one["volumeMounts"]}
        assert mounted == {volume["name"] for volume in template["spec"]["volumes"]}
        for one in containers:
            known = {port["name"] for port in one.get("ports", [])}
            asked = {
                p["httpGet"]["port"] for key, p in one.items() if key.endswith("Probe") and "httpGet" in p
            }
            assert asked <= known
            variables = [variable["name"] for variable in one["env"]]
            assert len(set(variables)) == len(variables)


def test_a_secret_is_in_no_manifest_and_only_as_a_file_in_a_pod(everything: list[Manifest]) -> None:
    assert "Secret" not in {m["kind"] for m in everything}
    for name, template in pods(everything):
        for variable in [v for c in template["spec"]["containers"] for v in c["env"]]:
            assert variable["name"] not in VARIABLES, name
            if variable["name"].endswith("_FILE"):
                assert variable["value"].startswith("/run/secrets/domiq-sync/")


def test_a_worker_is_killed_after_it_had_its_grace() -> None:
    for change in ({}, SWITCHES["worker's options"]):
        worker = named(rendered(change), "Deployment", "domiq-sync-worker")["spec"]["template"]["spec"]
        arguments = worker["containers"][0]["args"]
        grace = int(arguments[arguments.index("--grace") + 1])
        assert worker["terminationGracePeriodSeconds"] > grace


def test_the_migration_comes_before_each_install_and_upgrade_with_the_owners_secret() -> None:
    job = named(rendered(SWITCHES["owner's secret"]), "Job", "domiq-sync-migrate")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["migrate", "--no-log-index"]
    (owner,) = [v["secret"] for v in pod["volumes"] if v["name"] == "owner"]
    assert (owner["secretName"], owner["items"]) == ("owner", [{"key": "url", "path": "DOMIQ_DATABASE_URL"}])
    # Nothing of the release is there yet when it runs first.
    assert "serviceAccountName" not in pod


def test_the_database_of_a_dagster_that_was_there_is_not_migrated() -> None:
    def migrated(*changes: Mapping[str, Any]) -> list[str]:
        pod = named(rendered(*changes), "Job", "domiq-sync-migrate")["spec"]["template"]["spec"]
        return [container["name"] for container in pod["containers"]]

    assert migrated() == ["migrate", "dagster"]
    assert migrated(SWITCHES["Dagster was there"]) == ["migrate"]
    assert migrated({"secret": {"variables": ["DOMIQ_DATABASE_URL"]}}) == ["migrate"]


def test_what_belongs_to_prometheus_is_left_out_where_its_operator_is_not_there() -> None:
    assert OPERATORS.isdisjoint(m["kind"] for m in rendered())


def test_the_monitors_are_those_of_the_project() -> None:
    manifests = rendered(SWITCHES["monitored"])
    rules = named(manifests, "PrometheusRule", "domiq-sync")
    assert rules["spec"] == yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())
    dashboard = named(manifests, "ConfigMap", "domiq-sync-dashboard")
    assert json.loads(dashboard["data"]["domiq-sync.json"]) == json.loads(
        (ROOT / "deploy/grafana/domiq-sync.json").read_text()
    )
    monitor = named(manifests, "ServiceMonitor", "domiq-sync")
    service = named(manifests, "Service", "domiq-sync-worker")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [e["port"] for e in monitor["spec"]["endpoints"]] == [p["name"] for p in service["spec"]["ports"]]
    assert {m["metadata"]["labels"]["release"] for m in (rules, monitor)} == {"prometheus"}


def test_workers_go_before_runs() -> None:
    manifests = rendered()
    priority = named(manifests, "PriorityClass", "domiq-sync-run")
    assert priority["value"] < 0  # a pod without a class, as a worker is, has 0
    worker = named(manifests, "Deployment", "domiq-sync-worker")["spec"]["template"]["spec"]
    assert "priorityClassName" not in worker


def test_a_release_of_any_name_has_names_of_its_own() -> None:
    names = {m["metadata"]["name"] for m in rendered(release="leasing")}
    assert all(name.startswith("leasing-domiq-sync") for name in names)
    assert all(len(m["metadata"]["name"]) <= 63 for m in rendered(release="l" * 53))


REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "no image": ({"image": {"repository": ""}}, "image.repository is not set: name where the image"),
    "a tag in the image": ({"image": {"repository": "a.b/c:1"}}, "leave the tag or digest out of it"),
    "no secret": ({"secret": {"name": ""}}, "secret.name is not set: make a Secret with the keys"),
    "no database": ({"secret": {"variables": ["DAGSTER_PG_URL"]}}, "secret.variables lacks DOMIQ_DATA"),
    "a secret that is none": ({"secret": {"variables": ["DOMIQ_DB"]}}, "/secret/variables/0': value must be"),
    "a secret in env": ({"env": {"RESMAN_API_KEY": "x"}}, "put it into the Secret that secret.name names"),
    "a variable of the chart": ({"env": {"DOMIQ_HOME": "/x"}}, "env has DOMIQ_HOME, which the chart sets"),
    "both ways": (
        {"env": {"RESMAN_V1_URL": "x"}, "secret": {"variables": ["DOMIQ_DATABASE_URL", "RESMAN_V1_URL"]}},
        "RESMAN_V1_URL is in env and in secret.variables",
    ),
    "a number in env": ({"env": {"DOMIQ_ARCHIVE_AFTER_DAYS": 4}}, "got number, want string"),
    "two claims": ({"state": {"claim": {"create": True, "existing": "a"}}}, "are both set"),
    "a misspelled key": ({"worker": {"replica": 3}}, "at '/worker': additional properties 'replica' not"),
    "a misspelled part": ({"workers": {}}, "additional properties 'workers' not allowed"),
    "too many accounts": ({"worker": {"accounts": 65}}, "/worker/accounts': maximum: got 65, want 64"),
    "a grace in words": ({"worker": {"grace": "25 s"}}, "/worker/grace': got string, want integer"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_values_that_cannot_be_right_are_refused_with_what_to_do(case: str) -> None:
    change, says = REFUSED[case]
    with pytest.raises(helm.HelmError, match=re.escape(says)):
        rendered(change)


def test_each_value_is_in_the_schema_and_in_values_yaml() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    known = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(known)
    for part, defaults in known.items():
        said = schema["properties"][part]
        if "properties" in said:
            assert set(said["properties"]) == set(defaults), part
            assert said["additionalProperties"] is False, part
    assert schema["properties"]["secret"]["properties"]["variables"]["items"]["enum"] == list(VARIABLES)


def test_the_notes_say_where_the_code_location_is_and_what_is_lost_with_a_pod() -> None:
    said = notes()
    assert "host: domiq-sync-code, port: 4000" in said
    assert "The state directory goes with each pod" in said
    assert "The state directory" not in notes(SWITCHES["claim"])


def test_packed_for_a_registry_it_renders_the_same(tmp_path: Path) -> None:
    """The alerts and the dashboard lie elsewhere: the package has what its links lead to."""
    packed = helm.package(CHART, destination=tmp_path)
    with helm.Chart.load(packed) as chart:
        files = chart.render(values(SWITCHES["monitored"]), name="domiq-sync", namespace="domiq")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    found = [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]
    assert found == rendered(SWITCHES["monitored"])


def test_what_the_page_sets_is_a_value() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    known = yaml.safe_load((CHART / "values.yaml").read_text())
    found = re.findall(r"--set ([\w.]+=[^\s`]+)", page)
    settings = [setting for setting in found if not setting.startswith("dagsterWebserver.")]
    assert len(settings) > 5
    for setting in settings:
        rendered(helm.parse_set_string(setting))
    mentioned = [name.split(".") for name in re.findall(r"`(\w+(?:\.\w+)+)(?:=\w+)?`", page)]
    names = [name for name in mentioned if name[0] in known and name != ["dagster", "yaml"]]
    assert len(names) > 5
    for name in names:
        at = known
        for step in name:
            assert step in at, name
            at = at[step]


def test_chart_and_package_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (version,) = re.findall(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert (chart["version"], chart["appVersion"]) == (version, version)
    images = {c["image"] for _, template in pods(rendered()) for c in template["spec"]["containers"]}
    assert images == {f"registry.example.com/domiq-sync:{version}"}
