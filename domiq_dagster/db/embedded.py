"""The life of an embedded PostgreSQL: made, started, found again, stopped. No tables and no queries here.

One server per data directory, reached over a Unix socket only, by nobody but its owner and root. It goes on
running when the process that started it dies; the next one to start it finds it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from .embedded_programs import POSTGRES_MAJOR, EmbeddedServerError, Programs, programs_for

_PORT = 5432
_SOCKET_PATH_BYTES = 103  # 107 on Linux, 103 on macOS
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")
_LOCK_SECONDS = 120
_CRASH_RECOVERY_SECONDS = 120

_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Each page that is written for the first time after a checkpoint goes to the log as a whole: of an idle
    # system that is most of what is written.
    "checkpoint_timeout": "15min",
    # Statements, DETAIL lines and what somebody's trigger raises hold the data of real people: they stay out
    # of the server's log. Each error reaches the session that caused it, whose own log has its SQLSTATE.
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class EmbeddedServer:
    """A running server. Made by `start`."""

    def __init__(self, data_dir: Path, programs: Programs, socket_dir: Path, *, owned: bool) -> None:
        self.data_dir = data_dir
        self.socket_dir = socket_dir
        self.owned = owned
        """Whether `start` started it, as against having found it running."""
        self._programs = programs

    @classmethod
    def start(
        cls, data_dir: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None
    ) -> "EmbeddedServer":
        """The server of `data_dir`: the running one as it is, else one started, on a new cluster if need be.

        Args:
            durable: False trades safety in a power cut for speed, for tests.
            settings: go to postgresql.conf.

        Raises:
            EmbeddedServerError: it does not start; the text says why.
        """
        data_dir = Path(os.path.realpath(data_dir))
        with _lock(data_dir):
            programs = _initialise(data_dir, durable)
            owned = _postmaster(data_dir) is None
            if owned:
                socket_dir = _socket_directory(data_dir, programs)
                _clear_remains(data_dir, socket_dir)
                defaults = _SETTINGS | ({} if durable else _NOT_DURABLE)
                _configure(data_dir, socket_dir, defaults | dict(settings or {}))
                _launch(data_dir, programs)
            return cls(data_dir, programs, _announced_socket_directory(data_dir), owned=owned)

    def url(self, database: str) -> str:
        """A URL for psycopg, psycopg2, libpq and SQLAlchemy alike. It holds no secret.

        ValueError for a name with more than ASCII letters, digits, `_`, `-`: they decode that differently.
        """
        if not _PLAIN_NAME.fullmatch(database):
            raise ValueError(f"{database!r} cannot be the name of an embedded database.")
        # The port is named because PGPORT in the environment would replace one that is left out.
        return f"postgresql://postgres@/{database}?host={self.socket_dir}&port={_PORT}"

    def ensure_database(self, name: str) -> None:
        """Create the database unless it exists. ValueError for a name that `url` does not take."""
        self.url(name)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return  # somebody else was quicker, and it is there

    def is_running(self) -> bool:
        return _postmaster(self.data_dir) is not None

    def stop(self) -> None:
        """Stop it, whoever started it, ending its connections; return when it is gone. Harmless if it is."""
        if not self.data_dir.exists():
            return
        with _lock(self.data_dir):
            postmaster = _postmaster(self.data_dir)
            if postmaster is None:
                return
            _stop(self.data_dir, self._programs)
            _wait(lambda: not _alive(postmaster), 30, f"PostgreSQL on {self.data_dir} did not stop")
            if self.socket_dir != self.data_dir and not any(self.socket_dir.iterdir()):
                self.socket_dir.rmdir()


@contextmanager
def running(
    data_dir: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None
) -> Iterator[EmbeddedServer]:
    """The server of `data_dir` for the length of a block; stopped after it if this call started it."""
    server = EmbeddedServer.start(data_dir, durable=durable, settings=settings)
    try:
        yield server
    finally:
        if server.owned:
            server.stop()


@contextmanager
def _lock(data_dir: Path) -> Iterator[None]:
    """One starter or stopper at a time, across processes; the system releases it if its holder dies."""
    path = data_dir.with_name(f"{data_dir.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise EmbeddedServerError(
            f"{path} cannot be written ({error.strerror}): set DOMIQ_HOME to a directory of your own."
        ) from error
    with file:

        def acquired() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        _wait(acquired, _LOCK_SECONDS, f"Another process has held {path} too long")
        yield


def _wait(happened: Callable[[], bool], seconds: float, complaint: str) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"{complaint}: waited {seconds:.0f} s.")
        time.sleep(0.02)


def _initialise(data_dir: Path, durable: bool) -> Programs:
    """Make the cluster unless it is there: beside its place, then moved, so that no half of one is left."""
    if data_dir.is_dir() and any(data_dir.iterdir()):
        version_file = data_dir / "PG_VERSION"
        version = version_file.read_text().strip() if version_file.is_file() else None
        if version != str(POSTGRES_MAJOR):
            content = "something else" if version is None else f"the data of PostgreSQL {version}"
            raise EmbeddedServerError(
                f"{data_dir} holds {content}, and PostgreSQL {POSTGRES_MAJOR} cannot use it: move it away."
            )
        return programs_for(data_dir)
    unfinished = data_dir.with_name(f"{data_dir.name}.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    programs = programs_for(unfinished)
    where = ("-D", str(unfinished))
    programs.run(
        "initdb", *where, "-U", "postgres", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8",
        "--locale=C", "--no-instructions", *([] if durable else ["--no-sync"]),
    )  # fmt: skip
    if data_dir.exists():
        data_dir.rmdir()
    unfinished.rename(data_dir)
    return programs


def _configure(data_dir: Path, socket_dir: Path, settings: Mapping[str, str]) -> None:
    """Write postgresql.conf anew. ALTER SYSTEM keeps its own file, which outlives this and wins."""
    everything = {
        **settings,
        "cluster_name": _cluster_name(data_dir),
        "listen_addresses": "",
        "port": str(_PORT),
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
    }
    lines = ["# Written at every start. For settings of your own use ALTER SYSTEM.\n"]
    for name, value in everything.items():
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'\n")
    (data_dir / "postgresql.conf").write_text("".join(lines))
    log = data_dir / "server.log"
    if log.exists():
        log.replace(data_dir / "server.log.1")


def _launch(data_dir: Path, programs: Programs) -> None:
    log = data_dir / "server.log"
    try:
        programs.run(
            "pg_ctl", "start", "-D", str(data_dir), "-l", str(log), "-w", "-s",
            "-t", str(_CRASH_RECOVERY_SECONDS), timeout=_CRASH_RECOVERY_SECONDS + 30,
        )  # fmt: skip
    except EmbeddedServerError as error:
        tail = log.read_text(errors="replace").strip().splitlines()[-5:] if log.exists() else [str(error)]
        raise EmbeddedServerError(
            f"PostgreSQL did not start on {data_dir}; the end of its log: {' | '.join(tail)}"
        ) from error


def _stop(data_dir: Path, programs: Programs) -> None:
    where = ("-D", str(data_dir), "-w", "-s")
    try:
        programs.run("pg_ctl", "stop", "-m", "fast", "-t", "60", *where)
    except EmbeddedServerError:
        if _postmaster(data_dir) is not None:
            programs.run("pg_ctl", "stop", "-m", "immediate", "-t", "30", *where)


def _socket_directory(data_dir: Path, programs: Programs) -> Path:
    """The data directory itself, or a short one where that would not do in a socket's path or a URL."""
    if _fits(data_dir):
        return data_dir
    owner = programs.account.pw_uid if programs.account else os.geteuid()
    name = f"{_cluster_name(data_dir)}-{owner}"
    candidates = (Path(tempfile.gettempdir()) / name, Path("/tmp") / name)
    directory = next(filter(_fits, candidates))
    try:
        directory.mkdir(mode=0o700)
        if programs.account:
            os.chown(directory, owner, programs.account.pw_gid)
    except FileExistsError:
        found = directory.lstat()
        if found.st_uid != owner or found.st_mode & 0o170077 != 0o040000:
            raise EmbeddedServerError(
                f"{directory}, meant for the server's socket, is not private to user {owner}: remove it."
            ) from None
    return directory


def _fits(directory: Path) -> bool:
    socket_path = directory / f".s.PGSQL.{_PORT}"
    return len(os.fsencode(socket_path)) <= _SOCKET_PATH_BYTES and bool(_PLAIN_PATH.fullmatch(str(directory)))


def _cluster_name(data_dir: Path) -> str:
    return f"domiq-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"


def _announced_socket_directory(data_dir: Path) -> Path:
    """Where the running server says its socket is, once it takes connections."""

    def lines() -> list[str]:
        try:
            return (data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def ready() -> bool:
        found = lines()
        return len(found) >= 8 and found[7].strip() == "ready"

    _wait(ready, _CRASH_RECOVERY_SECONDS, f"PostgreSQL on {data_dir} does not become ready")
    return Path(lines()[4].strip())


def _postmaster(data_dir: Path) -> psutil.Process | None:
    """The server's main process, if the one that postmaster.pid names is it and alive.

    After a crash or a restart of the machine the number may have gone to some other process.
    """
    try:
        process = psutil.Process(int((data_dir / "postmaster.pid").read_text().splitlines()[0]))
        # Not by its working directory: root in a container may not look at that of another user's process.
        ours = process.name() == "postgres" and str(data_dir) in process.cmdline()
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return None
    return process if ours and _alive(process) else None


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _clear_remains(data_dir: Path, socket_dir: Path) -> None:
    """After a crash: wait for the dead server's children, which hold its memory, and drop its lock files.

    PostgreSQL drops them itself, but not while their number belongs to a live process or to a zombie.
    """
    pid_file = data_dir / "postmaster.pid"
    if not pid_file.exists():
        return
    title = f"postgres: {_cluster_name(data_dir)}: "

    def orphans() -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if "".join(process.info["cmdline"] or ()).startswith(title) and _alive(process)
        ]

    try:
        _wait(lambda: not orphans(), 2, "They are busy")
    except EmbeddedServerError:
        for process in orphans():
            process.send_signal(signal.SIGQUIT)
        _wait(lambda: not orphans(), 30, f"Processes of a dead PostgreSQL on {data_dir} do not end")
    socket_lock = socket_dir / f".s.PGSQL.{_PORT}.lock"
    if socket_lock.exists() and socket_lock.read_text().split()[:1] == pid_file.read_text().split()[:1]:
        socket_lock.unlink()
    pid_file.unlink()
