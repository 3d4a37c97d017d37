"""A server that answers as a test says, and clients of it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from domiq_dagster.resman.client import Guard, ResManClient, ResManConfig
from tests.fixtures.resman_server import Reply, Server


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server()) as running:
        yield running


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def make_client() -> Iterator[Callable[..., ResManClient]]:
    """`make_client(url, guard=..., clock=..., **config)`: a client whose two APIs are under one URL."""
    made: list[ResManClient] = []

    def make(url: str, guard: Guard | None = None, clock: Any = None, **config: Any) -> ResManClient:
        settings: dict[str, Any] = {"connect_timeout": 2.0, "read_timeout": 2.0, **config}
        extra = {"clock": clock} if clock else {}
        client = ResManClient(
            ResManConfig(f"{url}/v1", f"{url}/v2/", "partner-77", "s3cret-key-9", **settings),
            guard=guard,
            **extra,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(server: Server, make_client: Callable[..., ResManClient]) -> ResManClient:
    return make_client(server.url)


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
