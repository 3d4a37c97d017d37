"""Dagster's launcher of runs in containers, which hands each run the settings of the process that starts it.

Dagster's own is told the names of variables one by one, and starts nothing where one of them is not set: most
of ours need not be. `deploy/dagster/launcher.docker.yaml` names this one; it needs the extra `docker`.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

import dagster_docker
from dagster._serdes import ConfigurableClassData

from domiq_dagster.runtime import secret_files

_PREFIXES: Final = ("DOMIQ_", "RESMAN_", "OTEL_", "PG")
"""Of ours, of traces, and of libpq's, to which an address may leave its certificates and its password."""
_NAMES: Final = frozenset(
    {"DAGSTER_HOME", "DAGSTER_PG_URL", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"}
    | {name for proxy in ("http_proxy", "https_proxy", "no_proxy") for name in (proxy, proxy.upper())}
)


class DockerRunLauncher(dagster_docker.DockerRunLauncher):
    """Each run in a container of its own; what else is configured is as with Dagster's own."""

    def __init__(
        self, inst_data: ConfigurableClassData | None = None, env_vars: list[str] | None = None, **config: Any
    ) -> None:
        secret_files.take_up()
        own = [*(env_vars or []), *handed_on(os.environ)]
        super().__init__(inst_data=inst_data, env_vars=own, **config)


def handed_on(env: Mapping[str, str]) -> list[str]:
    """The names of the variables that a run is to have as this process has them."""
    return sorted(name for name in env if name.startswith(_PREFIXES) or name in _NAMES)
