"""Dagster's UI behind docs/nginx.conf: who gets to it, and what it would let through without."""

import base64
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from domiq_dagster.runtime.supervise import free_port, http_ready
from tests.fixtures.nginx import NAME, OPENSSL, PASSWORD, PROGRAM, USER, Front, nginx

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed"),
    pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed"),
]

OWN, FOREIGN = f"https://{NAME}", "https://evil.example"
QUERY = json.dumps({"query": "{ version }"}).encode()
IN_THE_ADDRESS = "query=%7Bversion%7D"
JSON = {"Content-Type": "application/json"}
PASS = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
WRONG = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD[1:]}".encode()).decode()}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a dagster-webserver with nothing in it."""
    home, port = tmp_path_factory.mktemp("dagster"), free_port()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    child = subprocess.Popen(
        [sys.executable, "-m", "dagster_webserver", "--empty-workspace", "-h", "127.0.0.1", "-p", str(port)],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while not http_ready(f"http://127.0.0.1:{port}/server_info"):
            assert child.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        child.wait(timeout=30)


@pytest.fixture(scope="module")
def front(webserver: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with nginx(tmp_path_factory.mktemp("nginx"), webserver) as running:
        yield running


def reach(front: Front, name: str | None = NAME) -> ssl.SSLSocket:
    """A connection over TLS to this name, or to none. The certificate of the right one is checked."""
    context = ssl.create_default_context(cafile=str(front.certificate))
    context.check_hostname = name == NAME
    return context.wrap_socket(socket.create_connection(("127.0.0.1", front.https), 10), server_hostname=name)


def ask(
    reached: socket.socket, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> Answer:
    """One request on a connection that is closed after it."""
    with closing(http.client.HTTPConnection(NAME)) as connection:
        connection.sock = reached
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def plainly(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10)


def subscribe(front: Front, headers: dict[str, str], origin: str) -> ClientConnection:
    """A websocket of Dagster's UI."""
    return connect(
        f"wss://{NAME}/graphql",
        sock=plainly(front.https),
        ssl=ssl.create_default_context(cafile=str(front.certificate)),
        additional_headers={**headers, "Origin": origin},
        subprotocols=[Subprotocol("graphql-ws")],
        proxy=None,
    )


def test_what_the_webserver_lets_through_by_itself(webserver: int) -> None:
    """As docs/security.md says: any Host, any Origin, no password, and a query in the address of a GET."""
    assert ask(plainly(webserver), "GET", "/", {"Host": "evil.example"}).status == 200
    answer = ask(plainly(webserver), "POST", "/graphql", {**JSON, "Origin": FOREIGN}, QUERY)
    assert b"version" in answer.body
    assert b"version" in ask(plainly(webserver), "GET", f"/graphql?{IN_THE_ADDRESS}", {}).body


@pytest.mark.parametrize("headers", [{}, WRONG], ids=["none", "wrong"])
@pytest.mark.parametrize("path", ["/", "/graphql", "/server_info"])
def test_without_the_password_nothing_is_shown(front: Front, path: str, headers: dict[str, str]) -> None:
    answer = ask(reach(front), "GET", path, headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Dagster"'


def test_with_the_password_the_page_is_shown_with_headers_that_protect_it(front: Front) -> None:
    page = ask(reach(front), "GET", "/", PASS)
    assert page.status == 200
    assert b"<title" in page.body
    assert page.headers.get_all("X-Frame-Options") == ["DENY"]
    assert page.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert page.headers.get_all("Referrer-Policy") == ["same-origin"]
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "script-src" in page.headers["Content-Security-Policy"]  # Dagster's own


def test_the_page_can_ask_and_so_can_a_program(front: Front) -> None:
    """A program sends no Origin."""
    for origin in ({"Origin": OWN}, {}):
        answer = ask(reach(front), "POST", "/graphql", {**PASS, **JSON, **origin}, QUERY)
        assert answer.status == 200
        assert "version" in json.loads(answer.body)["data"]


@pytest.mark.parametrize("name", ["evil.example", None], ids=["another", "none"])
def test_another_name_gets_no_handshake(front: Front, name: str | None) -> None:
    with pytest.raises(ssl.SSLError):
        reach(front, name)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", f"{NAME}.evil.example"])
def test_another_host_is_refused_after_the_right_handshake(front: Front, host: str) -> None:
    """As a name that was pointed here after the page had been loaded would have it."""
    assert ask(reach(front), "GET", "/", {**PASS, "Host": host}).status == 421


@pytest.mark.parametrize("origin", [FOREIGN, f"http://{NAME}", f"{OWN}.evil.example", "null"])
def test_another_site_s_page_can_ask_nothing(front: Front, origin: str) -> None:
    """Although the browser adds the password by itself."""
    headers = {**PASS, **JSON, "Origin": origin}
    assert ask(reach(front), "POST", "/graphql", headers, QUERY).status == 403
    assert ask(reach(front), "POST", "/report_asset_materialization/a", headers, b"{}").status == 403


@pytest.mark.parametrize("path", ["/graphql", "/%67raphql", "//graphql", "/x/../graphql"])
def test_nothing_is_done_by_an_address_alone(front: Front, path: str) -> None:
    """As of an <img> on another site's page, which sends no Origin."""
    assert ask(reach(front), "GET", f"{path}?{IN_THE_ADDRESS}", PASS).status == 403


def test_a_websocket_passes_for_the_page_alone(front: Front) -> None:
    with subscribe(front, PASS, OWN) as socket_:
        assert socket_.subprotocol == "graphql-ws"
        socket_.send(json.dumps({"type": "connection_init", "payload": {}}))
        assert json.loads(socket_.recv(timeout=10))["type"] == "connection_ack"
    for headers, origin, status in ((PASS, FOREIGN, 403), ({}, OWN, 401)):
        with pytest.raises(InvalidStatus) as refused:
            subscribe(front, headers, origin)
        assert refused.value.response.status_code == status


def test_plain_http_is_sent_to_https_and_another_name_gets_no_answer(front: Front) -> None:
    answer = ask(plainly(front.http), "GET", "/runs?a=b", {"Host": NAME})
    assert (answer.status, answer.headers["Location"]) == (301, f"{OWN}/runs?a=b")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(plainly(front.http), "GET", "/", {"Host": "evil.example"})


def test_who_asks_without_end_is_told_to_wait(tmp_path: Path) -> None:
    """Also whoever tries passwords."""
    with (
        nginx(tmp_path, upstream=free_port()) as front,
        closing(http.client.HTTPConnection(NAME)) as connection,
    ):
        connection.sock = reach(front)
        statuses = []
        while len(statuses) < 1000 and 429 not in statuses:  # after as many it closes the connection
            connection.request("GET", "/", headers=WRONG)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
    assert statuses[-1] == 429
    assert statuses.count(401) >= 300  # a page that loads is not kept waiting
