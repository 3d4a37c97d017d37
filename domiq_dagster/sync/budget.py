"""How much one run of work may take, and what whoever does it is called."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """How long (seconds) and how many changes one push may take. What is left stays in the queue."""

    seconds: float = 600.0
    rows: int = 100_000


def worker_name() -> str:
    """A name that no other worker has, and that the same machine never has again."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
