"""Ends the database server of a test session, however the session itself ended: run beside it by conftest.py.

It waits for the end of its standard input, which comes when the session closes it, dies or is killed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from domiq_dagster.db.embedded import EmbeddedServer


def main(base: Path) -> None:
    sys.stdin.read()
    if (base / "pg" / "postmaster.pid").exists():
        EmbeddedServer.start(base / "pg").stop()
    if base.is_mount():
        subprocess.run(["umount", "-l", str(base)], check=True)  # what lay on it goes with it
    shutil.rmtree(base)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
