"""What tests of every kind share: a real PostgreSQL per worker process, and new databases on it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql

from domiq_dagster.db.embedded import EmbeddedServer, running

_ROOM_BYTES = 4 << 30
"""What the servers of all workers may take: some 300 MB each, more while a test fills a queue."""

# However the tests were started (a shell has what runs in the background ignore SIGINT, nohup has it ignore
# SIGHUP, and children inherit that): what they start, and what they test, can be ended.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

pytest_plugins = [
    "tests.fixtures.world",
    "tests.fixtures.commands",
    "tests.fixtures.dagster_instance",
    "tests.fixtures.notices",
]

# E2: the suite is the same every time, here and in CI. New examples are looked for by `make soak`, whose
# finds become tests.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=1000, print_blob=True)
_soaks = float(os.environ.get("DOMIQ_SOAK_MINUTES") or 0) > 0  # see tests/depth.py
hypothesis.settings.load_profile("soak" if _soaks else "suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures",
        metavar="DIRECTORY",
        help="keep pictures of what the tests in a browser see, for the README",
    )


@pytest.fixture(scope="session")
def pg_server() -> Iterator[EmbeddedServer]:
    """A throw-away PostgreSQL of this worker process, stopped and removed when the session ends."""
    base = Path(tempfile.mkdtemp(prefix="domiq-tests-", dir=_in_memory()))
    base.chmod(0o755)  # if root runs the tests, the server runs under another account
    reaper = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("reaper.py")), str(base)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        with running(base / "pg", durable=False, settings={"shared_buffers": "128MB"}) as server:
            yield server
    finally:
        reaper.communicate()
        assert reaper.returncode == 0


@pytest.fixture(scope="session")
def make_template(pg_server: EmbeddedServer) -> Callable[[str, Callable[[str], None]], str]:
    """`make_template(name, build)`: the database `name`, which `build(url)` filled once in this session.

    Returns the name, for `make_database`. Nobody can connect to a template once it is built.
    """
    built: set[str] = set()

    def make(name: str, build: Callable[[str], None]) -> str:
        if name not in built:
            pg_server.ensure_database(name)
            build(pg_server.url(name))
            with _admin(pg_server) as connection:
                # An engine's idle pool would keep CREATE DATABASE ... TEMPLATE from working.
                close = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true")
                connection.execute(close.format(sql.Identifier(name)))
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
                )
            built.add(name)
        return name

    return make


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a test does in this process keeps its state in a directory of its own."""
    monkeypatch.setenv("DOMIQ_HOME", str(tmp_path_factory.getbasetemp() / f"home-{uuid.uuid4().hex[:12]}"))


@pytest.fixture
def make_database(pg_server: EmbeddedServer) -> Iterator[Callable[..., str]]:
    """`make_database(template=None)`: the URL of a new database, dropped after the test."""
    made: list[str] = []

    def make(template: str | None = None) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        with _admin(pg_server) as connection:
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template or "template1")))
        made.append(name)
        return pg_server.url(name)

    yield make
    with _admin(pg_server) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def make_role(pg_server: EmbeddedServer) -> Iterator[Callable[[str], str]]:
    """`make_role(attributes)`: a new role that may log in. Ask for it before `make_database`, so that the
    database is dropped first."""
    made: list[str] = []

    def make(attributes: str = "") -> str:
        made.append(f"role_{uuid.uuid4().hex[:12]}")
        with _admin(pg_server) as connection:
            connection.execute(f"CREATE ROLE {made[-1]} LOGIN {attributes}".encode())
        return made[-1]

    yield make
    with _admin(pg_server) as connection:
        for role in made:
            connection.execute(f"DROP ROLE {role}".encode())


def _in_memory() -> str | None:
    """A directory in memory with room for the servers of all workers; None where there is none.

    A thousand databases of 300 small files each are made and dropped: on a disk that was a quarter of the
    suite's time, nearly all of it in the kernel.
    """
    shared = Path("/dev/shm")
    if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > _ROOM_BYTES:
        return str(shared)
    return None


def _admin(server: EmbeddedServer) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server.url("postgres"), autocommit=True)
