"""Variables whose values lie in files: `RESMAN_API_KEY_FILE=/run/secrets/key`, not `RESMAN_API_KEY=...`.

Container engines and systemd hand secrets over as files. Each program takes the values up at its start, and
knows nothing of files from then on.
"""

import os
import threading
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

VARIABLES: Final = (
    "DOMIQ_DATABASE_URL",
    "DAGSTER_PG_URL",
    "DOMIQ_DAEMON_LOCK_URL",
    "RESMAN_PARTNER_ID",
    "RESMAN_API_KEY",
    "RESMAN_V1_URL",
    "RESMAN_V2_URL",
    "DOMIQ_EMAIL_URL",
    "DOMIQ_SMS_URL",
    "DOMIQ_SLACK_URL",
    "DOMIQ_OPERATOR_ADDRESS",
    "DOMIQ_LINK_URL",
    "RESMAN_LINK_URL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
)
"""Those that hold a secret, or an address which may have one in it."""
_SUFFIX: Final = "_FILE"
_TAKING_UP: Final = threading.Lock()
"""Dagster's programs have several threads that may come to it at once."""


class SecretFileError(Exception):
    """A file of secrets cannot be used; the text says which variable names it and what to do, without a word
    of what is in it."""


def take_up(env: MutableMapping[str, str] = os.environ) -> None:
    """Sets each variable of VARIABLES for which `NAME_FILE` names a file to what is in it, without the
    white space around it, and removes `NAME_FILE`: whatever is started with `env` finds one of the two.

    Nothing is set unless all can be. Given both ways with one value is no contradiction: Dagster reads its
    .env again in each run, whose parent has handed down what the file had.

    Raises:
        SecretFileError: a variable is given both ways with two values, or its file is missing, unreadable,
            empty or no text.
    """
    with _TAKING_UP:
        found = {name: _value(name, env) for name in VARIABLES if env.get(name + _SUFFIX, "").strip()}
        for name, value in found.items():
            env[name] = value
            del env[name + _SUFFIX]


def _value(name: str, env: MutableMapping[str, str]) -> str:
    variable = name + _SUFFIX
    value = _content(name, Path(env[variable].strip()))
    if env.get(name, "").strip() not in ("", value):
        raise SecretFileError(
            f"{name} and {variable} are both set, and differ: leave one of them out, or start anew whatever "
            "has the old value."
        )
    return value


def _content(name: str, path: Path) -> str:
    variable = name + _SUFFIX
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise SecretFileError(
            f"{variable} names {path}, which cannot be read ({said}): correct the path, or who may read it."
        ) from None
    except UnicodeDecodeError:
        value = "\0"
    if not value:
        raise SecretFileError(f"{variable} names {path}, which is empty: write the value of {name} into it.")
    if "\0" in value:
        raise SecretFileError(
            f"{variable} names {path}, which is no text: write the value of {name} into it."
        )
    return value
