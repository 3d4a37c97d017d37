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

_OURS: Final = ("DOMIQ_", "RESMAN_", "OTEL_")
_DAGSTERS: Final = ("DAGSTER_HOME", "DAGSTER_PG_URL")


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
    return sorted(name for name in env if name.startswith(_OURS) or name in _DAGSTERS)
