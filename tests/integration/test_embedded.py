"""The embedded server's life: start, find, crash, restart, stop; in awkward places and for awkward users."""

import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import psycopg2
import pytest
import sqlalchemy

from domiq_dagster.db.embedded import EmbeddedServer, running
from domiq_dagster.db.embedded_programs import EmbeddedServerError
from domiq_dagster.db.engine import make_engine


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every account may pass; a server left in its `pg` is stopped."""
    base = Path(tempfile.mkdtemp(prefix="domiq-embedded-"))
    base.chmod(0o755)
    yield base
    for pid_file in base.rglob("postmaster.pid"):
        start(pid_file.parent).stop()
    shutil.rmtree(base)


def start(data_dir: Path) -> EmbeddedServer:
    return EmbeddedServer.start(data_dir, durable=False, settings={"shared_buffers": "16MB"})


def postmaster(server: EmbeddedServer) -> psutil.Process:
    return psutil.Process(int((server.data_dir / "postmaster.pid").read_text().splitlines()[0]))


def ask(server: EmbeddedServer, query: str) -> object:
    with psycopg.connect(server.url("postgres")) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_new_server_is_private_and_set_up_as_promised(place: Path) -> None:
    with running(place / "pg", settings={"work_mem": "7MB"}) as server:
        assert server.owned
        assert ask(server, "SHOW server_encoding") == "UTF8"
        assert ask(server, "SELECT datcollate FROM pg_database WHERE datname = 'postgres'") == "C"
        assert ask(server, "SHOW timezone") == "UTC"
        assert ask(server, "SHOW max_connections") == "200"
        assert ask(server, "SHOW fsync") == "on"
        assert ask(server, "SHOW work_mem") == "7MB"
        assert ask(server, "SHOW listen_addresses") == ""
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert not [
            c for c in postmaster(server).net_connections() if c.status == psutil.CONN_LISTEN and c.laddr.port
        ]


def test_a_second_start_finds_the_running_server_and_leaves_it_running(place: Path) -> None:
    first = start(place / "pg")
    with running(place / "pg") as second:
        assert not second.owned
        assert second.url("postgres") == first.url("postgres")
    assert first.is_running()


def test_of_concurrent_starters_one_starts_it(place: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(start, [place / "pg"] * 4))
    assert sorted(server.owned for server in servers) == [False, False, False, True]
    assert {ask(server, "SHOW data_directory") for server in servers} == {str(place / "pg")}


def test_stop_ends_every_process_and_open_connections_and_may_be_repeated(place: Path) -> None:
    server = start(place / "pg")
    main = postmaster(server)
    family = [main, *main.children()]
    connection = psycopg.connect(server.url("postgres"))
    server.stop()
    assert all(is_gone(process) for process in family)
    assert not server.is_running()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    server.stop()


def test_data_outlive_a_stop(place: Path) -> None:
    server = start(place / "pg")
    server.ensure_database("kept")
    server.ensure_database("kept")
    server.stop()
    with running(place / "pg") as again, psycopg.connect(again.url("kept")) as connection:
        assert connection.info.dbname == "kept"


def test_it_starts_again_after_its_main_process_was_killed_with_a_busy_session(place: Path) -> None:
    server = EmbeddedServer.start(place / "pg")
    with psycopg.connect(server.url("postgres")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    busy = psycopg.connect(server.url("postgres"))
    begun = threading.Event()

    def work() -> None:
        begun.set()
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT count(*) FROM generate_series(1, 100000000000)")

    worker = threading.Thread(target=work)
    worker.start()
    begun.wait()
    postmaster(server).send_signal(signal.SIGKILL)
    again = start(place / "pg")
    worker.join()
    busy.close()
    assert again.owned
    assert ask(again, "SELECT n FROM kept") == 7


def test_a_pid_file_that_names_some_other_process_is_stale(place: Path) -> None:
    start(place / "pg").stop()
    lines = [str(os.getpid()), str(place / "pg"), "1700000000", "5432", str(place / "pg"), "", "1 1", "ready"]
    (place / "pg" / "postmaster.pid").write_text("\n".join(lines))
    with running(place / "pg") as server:
        assert server.owned
        assert ask(server, "SELECT 1") == 1


@pytest.mark.parametrize("below", ["with a space, and a comma", "long" * 30], ids=["space", "long"])
def test_awkward_paths_get_a_socket_elsewhere_that_every_driver_finds(place: Path, below: str) -> None:
    (place / below).mkdir(mode=0o755)
    server = start(place / below / "pg")
    url = server.url("postgres")
    assert server.socket_dir != server.data_dir
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert ask(server, "SHOW data_directory") == str(place / below / "pg")
    psycopg2.connect(url).close()
    for engine in (make_engine(url), sqlalchemy.create_engine(url)):
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT 1")) == 1
        engine.dispose()
    server.stop()
    assert not server.socket_dir.exists()


def test_libpq_variables_in_the_environment_change_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with running(place / "pg", durable=False) as server:
        assert ask(server, "SHOW fsync") == "off"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be kept from running PostgreSQL as itself")
def test_root_runs_it_as_another_even_below_a_closed_directory_and_opens_none(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with running(closed / "pg", durable=False) as server:
        assert postmaster(server).uids().real != 0
        assert ask(server, "SELECT 1") == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_directory_that_holds_something_else_is_left_alone(place: Path) -> None:
    (place / "pg").mkdir()
    (place / "pg" / "notes.txt").write_text("mine")
    with pytest.raises(EmbeddedServerError, match="holds something else"):
        start(place / "pg")
    assert (place / "pg" / "notes.txt").read_text() == "mine"


def test_data_of_another_major_version_are_left_alone(place: Path) -> None:
    (place / "pg").mkdir()
    (place / "pg" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedServerError, match="the data of PostgreSQL 16"):
        start(place / "pg")


def test_what_an_interrupted_initdb_left_does_not_matter(place: Path) -> None:
    (place / "pg.new").mkdir()
    (place / "pg.new" / "PG_VERSION").write_text("18\n")
    with running(place / "pg", durable=False) as server:
        assert ask(server, "SELECT 1") == 1
    assert not (place / "pg.new").exists()


def test_a_failed_start_shows_the_end_of_the_log(place: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r'invalid value for parameter "max_connections"'):
        EmbeddedServer.start(place / "pg", durable=False, settings={"max_connections": "plenty"})


def test_a_socket_directory_that_is_open_to_others_is_refused(place: Path) -> None:
    far = place / ("long" * 30)
    far.mkdir(mode=0o755)
    server = start(far / "pg")
    server.stop()
    server.socket_dir.mkdir(mode=0o755)
    try:
        with pytest.raises(EmbeddedServerError, match="is not private"):
            start(far / "pg")
    finally:
        server.socket_dir.rmdir()


def test_database_names_that_drivers_read_differently_are_refused(place: Path) -> None:
    with running(place / "pg", durable=False) as server:
        with pytest.raises(ValueError, match="cannot be the name"):
            server.url("a b")
        with pytest.raises(ValueError, match="cannot be the name"):
            server.ensure_database("a?b")
