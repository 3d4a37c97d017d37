"""`dg check defs` on the code location, with a Dagster home of its own: the instance of dagster.yaml asks for
a database, and the definitions must load without one.

    python -m tools.definitions
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

_HOME = "telemetry:\n  enabled: false\n"


def main() -> int:
    """The exit code of `dg`."""
    programs = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="domiq-definitions-") as home:
        (Path(home) / "dagster.yaml").write_text(_HOME, encoding="utf-8")
        environment = {**os.environ, "DAGSTER_HOME": home, "VIRTUAL_ENV": str(programs.parent)}
        done = subprocess.run([str(programs / "dg"), "check", "defs"], env=environment, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
