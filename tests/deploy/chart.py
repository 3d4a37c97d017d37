"""The Helm chart as Helm itself renders it, and what its tests ask of the manifests."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

helm = pytest.importorskip("helm_python", reason="helm-python-sdk is not here: pip install helm-python-sdk")

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "domiq-sync"
REQUIRED: Mapping[str, Any] = {
    "image": {"repository": "registry.example.com/domiq-sync"},
    "secret": {"name": "domiq-sync"},
}
"""What has no default."""
RELEASE, NAMESPACE = "domiq-sync", "domiq"
Manifest = dict[str, Any]


class _Strict(yaml.SafeLoader):
    """Refuses a key that is there twice, as Kubernetes does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {twice}", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def values(*changes: Mapping[str, Any]) -> dict[str, Any]:
    """Those that must be given, and changes to them, later ones over earlier ones."""
    merged = dict(REQUIRED)
    for change in changes:
        merged = _over(merged, change)
    return merged


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = _over(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


@functools.cache
def _chart() -> Any:
    return helm.Chart.load(CHART)


def rendered(*changes: Mapping[str, Any], release: str = RELEASE) -> list[Manifest]:
    """The manifests of a release, as they go to Kubernetes."""
    files = _chart().render(values(*changes), name=release, namespace=NAMESPACE)
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [copy.deepcopy(manifest) for text in texts for manifest in _manifests(text)]


@functools.cache
def _manifests(text: str) -> list[Manifest]:
    return [manifest for manifest in yaml.load_all(text, _Strict) if manifest]


def notes(*changes: Mapping[str, Any]) -> str:
    """What Helm says at the end of an install."""
    files: dict[str, str] = _chart().render(values(*changes), name=RELEASE, namespace=NAMESPACE)
    return files["domiq-sync/templates/NOTES.txt"]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The one of this kind and name."""
    (found,) = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """The templates of pods, each with a name to tell it by."""
    for manifest in manifests:
        if template := manifest.get("spec", {}).get("template"):
            yield f"{manifest['kind']} {manifest['metadata']['name']}", template


_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
    "secret",
}  # fmt: skip


def violations(pod: Manifest) -> list[str]:
    """What the level "restricted" of Kubernetes's pod-security standards objects to in a pod's spec, and what
    we ask on top: nothing to write on but volumes, no token of the API, no variables of services."""
    found = [f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    found += [
        f"volume {v['name']} is none of the kinds that are allowed"
        for v in pod.get("volumes", [])
        if not _VOLUMES & set(v)
    ]
    if pod.get("automountServiceAccountToken") is not False:
        found.append("it has a token of the API")
    if pod.get("enableServiceLinks") is not False:
        found.append("it has variables of all services")
    context = pod.get("securityContext", {})
    if context.get("sysctls") or context.get("windowsOptions"):
        found.append("the pod changes its host")
    containers = [*(pod.get("initContainers") or []), *pod["containers"]]
    for one in containers:
        found += [f"{one['name']}: {objection}" for objection in _of_container(one, context)]
    return found


def _of_container(container: Manifest, of_pod: Manifest) -> Iterator[str]:
    own = container.get("securityContext", {})
    context = {**of_pod, **own}
    capabilities = own.get("capabilities", {})
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "may run as root"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield "may gain privileges"
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "keeps capabilities"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "has no seccomp profile"
    if own.get("procMount", "Default") != "Default" or "seLinuxOptions" in context:
        yield "changes how it is confined"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "takes a port of its host"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "can write on its root"
