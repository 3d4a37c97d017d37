"""Where this installation keeps what it makes while running: the embedded database, logs, Dagster's files."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path


def home(env: Mapping[str, str] | None = None) -> Path:
    """The absolute path of the state directory: `DOMIQ_HOME`, else `.domiq` in the current directory.

    Nothing is created. `env` stands in for the process environment. Raises FileNotFoundError for a ~user that
    is none.
    """
    configured = (os.environ if env is None else env).get("DOMIQ_HOME", "").strip()
    path = Path(configured or ".domiq")
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "There is no such user", configured) from None
