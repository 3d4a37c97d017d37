"""The lock on a state directory: one `dev` or `demo` at a time. The system lets go of it when its holder
dies, however it died."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "in_use.lock"


class HomeInUse(Exception):
    """Another process runs on this state directory; the text says which, and what to do."""


@contextmanager
def alone(home: Path, what: str) -> Iterator[None]:
    """Keeps `home` for this process, which is a `what` (`dev`, `demo`), as long as the block lasts. The
    directory is made where it is missing.

    Raises:
        HomeInUse: another process keeps it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(100).strip() or "command of domiq-sync"  # it is just writing who it is
            raise HomeInUse(
                f"A {holder} is running here, in {home}: end it, or set DOMIQ_HOME to another directory."
            ) from None
        file.truncate(0)
        file.write(f"{what} (pid {os.getpid()})")
        file.flush()
        yield


def holder(home: Path) -> str | None:
    """Who keeps `home` now, such as `dev (pid 4711)`; None: nobody. Takes nothing, and makes nothing."""
    try:
        file = (home / LOCK).open("r+")
    except (FileNotFoundError, NotADirectoryError):
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read(100).strip() or None
        fcntl.flock(file, fcntl.LOCK_UN)
    return None
