"""Ports of 127.0.0.1 that stay the same from start to start, so that what somebody has noted or opened still
leads there."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path

from domiq_dagster.runtime.files import write_if_different
from domiq_dagster.runtime.supervise import free_port

PORTS = "ports.json"


def kept_ports(home: Path, names: Sequence[str]) -> dict[str, int]:
    """A port for each name: the one of last time, else, or where somebody else listens there now, one that is
    free, which is kept from then on.

    Args:
        home: the state directory, which exists and is this process's alone.
    """
    path = home / PORTS
    before = _read(path)
    ports: dict[str, int] = {}
    for name in names:
        port = before.get(name)
        while port is None or port in ports.values() or not _is_free(port):
            port = free_port()
        ports[name] = port
    write_if_different(path, json.dumps({**before, **ports}) + "\n")
    return ports


def _read(path: Path) -> dict[str, int]:
    """What was kept; nothing where the file is none of ours: new ports are as good."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    ports = found.items() if isinstance(found, dict) else ()
    return {name: port for name, port in ports if isinstance(port, int) and 0 < port < 65536}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection that has just ended there is in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
