"""The ports of `dev`: the same from start to start."""

import socket
from pathlib import Path

import pytest

from domiq_dagster.runtime.ports import PORTS, kept_ports


def test_the_ports_are_the_same_from_start_to_start(tmp_path: Path) -> None:
    first = kept_ports(tmp_path, ("standin", "worker"))
    assert len(set(first.values())) == 2
    assert kept_ports(tmp_path, ("standin", "worker")) == first
    more = kept_ports(tmp_path, ("standin", "worker", "code"))
    assert {name: more[name] for name in first} == first


def test_a_port_that_somebody_took_is_left_to_them_and_the_new_one_is_kept(tmp_path: Path) -> None:
    first = kept_ports(tmp_path, ("standin", "worker"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", first["standin"]))
        other.listen()
        second = kept_ports(tmp_path, ("standin", "worker"))
    assert second["standin"] != first["standin"]
    assert second["worker"] == first["worker"]
    assert kept_ports(tmp_path, ("standin", "worker")) == second


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", '{"standin": "x", "worker": 99999}'])
def test_a_file_that_says_nothing_costs_no_start(tmp_path: Path, text: str) -> None:
    (tmp_path / PORTS).write_text(text)
    ports = kept_ports(tmp_path, ("standin", "worker"))
    assert all(0 < port < 65536 for port in ports.values())
