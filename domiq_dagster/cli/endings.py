"""How a command ends: its exit code, and the one sentence on stderr where something stopped it.

0 done and nothing failed; 1 done, but some rows failed or diverge; 2 could not run, and the sentence says
what to do; 70 (EX_SOFTWARE of sysexits) a fault of the program's own; 128 + n, as shells have it: ended by
signal n, or by a reader of its output that went away (SIGPIPE).
"""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import psycopg
import typer
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError

from domiq_dagster.cli.base import fail, result_to_stdout
from domiq_dagster.db.privileges import is_missing_grant, what_is_missing
from domiq_dagster.runtime import logs, secret_files
from domiq_dagster.runtime.supervise import interruptible

CRASHED = 70
"""The exit code of a fault of the program's own."""
_PACKAGE = Path(__file__).resolve().parents[1]
_SURROUNDINGS = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
        *(errno.ENOTEMPTY, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EMFILE),
        *(errno.ENFILE, errno.ETXTBSY, errno.EIO, errno.ENOMEM),
    }
)
"""What the machine says of a file that a user named, or of itself: nothing in the program is wrong."""


_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""Click's UsageError. Typer has Click within it or beside it, by its version."""
_CLICK_ERROR: type[Exception] = _USAGE_ERROR.__mro__[1]


def run(app: typer.Typer, user_errors: tuple[type[Exception], ...]) -> None:
    """Runs the command line to its end, which is always a SystemExit.

    Args:
        app: parses the arguments and does what they ask.
        user_errors: exceptions whose text is the sentence for the user.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal need not have a sign for whatever a name is written with.
            stream.reconfigure(errors="backslashreplace")
    _refuse_broken_text()
    _take_up_secrets()
    _set_up_logging()
    try:
        with interruptible() as received:
            code = _to_its_end(app, user_errors, received)
    except SystemExit as end:
        if end.code == 1:  # so rich and Typer end where nobody reads on; of ours 1 means something else
            _leave_quietly()
        raise
    except BrokenPipeError:
        _leave_quietly()
    sys.exit(code)


def _to_its_end(app: typer.Typer, user_errors: tuple[type[Exception], ...], received: list[int]) -> int:
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()  # here, where a reader that is gone can be told from a fault
        if code != 128 + signal.SIGINT:  # which Typer makes of a KeyboardInterrupt, without a word
            return code if isinstance(code, int) else 0
        _interrupted(received)
    except KeyboardInterrupt:
        _interrupted(received)
    except _CLICK_ERROR as error:
        _misused(error)
    except typer.Abort:
        fail("Nothing was done: the question was left without an answer.")
    except user_errors as error:
        fail(str(error))
    except (DBAPIError, PendingRollbackError, psycopg.Error) as error:
        fail(_of_database(error))
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _SURROUNDINGS:
            fail(_of_machine(error))
        _crash(error)


def _interrupted(received: list[int]) -> NoReturn:
    number = received[0] if received else signal.SIGINT
    fail("Interrupted; what was done is stored, and the next run goes on from there.", 128 + number)


def _misused(error: Any) -> NoReturn:
    """Arguments that cannot be understood: one sentence, and where it is told how they are meant. Without any
    the help itself is shown."""
    context = getattr(error, "ctx", None)
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(2)
    said = " ".join(str(error.format_message()).split()).rstrip(".")
    path = context.command_path if context is not None else "domiq-sync"
    if "--json" in sys.argv[1:]:  # the option may not have been read yet
        result_to_stdout()
    fail(f"{said}: `{path} --help` tells what it takes.")


def _refuse_broken_text() -> None:
    """Bytes that are no text in the system's encoding: they would only come up in the middle of things."""
    ours = [name for name in os.environ if name.startswith(("DOMIQ_", "RESMAN_", "DAGSTER_"))]
    given = {"An argument": " ".join(sys.argv[1:]), **{name: os.environ[name] for name in ours}}
    for name, value in given.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            fail(f"{name} holds bytes that are no {sys.getfilesystemencoding()}: write it anew.")


def _take_up_secrets() -> None:
    try:
        secret_files.take_up()
    except secret_files.SecretFileError as error:
        if "--json" in sys.argv[1:]:  # no option has been read yet
            result_to_stdout()
        fail(str(error))


def _set_up_logging() -> None:
    """What a command did, and what went wrong, is its output; the log is for those who ask for it."""
    wanted = os.environ.get("DOMIQ_LOG_LEVEL", "").strip().upper() or "ERROR"
    known = logging.getLevelNamesMapping()
    if wanted not in known:
        fail(
            f"DOMIQ_LOG_LEVEL is no level: set it to one of {', '.join(list(known)[:5])}, or leave it out.",
        )
    log_format = logs.format_of(os.environ)
    if log_format not in logs.FORMATS:
        fail(
            f"DOMIQ_LOG_FORMAT is no format: set it to one of {', '.join(logs.FORMATS)}, or leave it out.",
        )
    handler = logging.StreamHandler()
    handler.setFormatter(logs.formatter(log_format))
    logging.basicConfig(level=known[wanted], handlers=[handler])


def _of_database(error: DBAPIError | PendingRollbackError | psycopg.Error) -> str:
    """What the database refused, or that it is gone. PostgreSQL's own words are left out, since they may
    repeat a row."""
    if is_missing_grant(error):
        return f"Nothing more could be done: {what_is_missing(error)}."
    cause = error.orig if isinstance(error, DBAPIError) else error
    diag = cause.diag if isinstance(cause, psycopg.Error) else None
    if diag is None or diag.sqlstate is None:
        return (
            "The connection to the database was lost: see that it runs, then run the command again; what "
            "was done until then is stored."
        )
    where = f", {diag.constraint_name} of table {diag.table_name}" if diag.constraint_name else ""
    return (
        f"The database refused a statement (SQLSTATE {diag.sqlstate}{where}): its log says why; "
        "`domiq-sync doctor` looks at what the sync needs of it."
    )


def _of_machine(error: OSError) -> str:
    """What the machine says. Of whom it speaks is a path, which the user or the program named."""
    subject = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return (
        f"{subject}{error.strerror or type(error).__name__}. Correct the path or what may be done there "
        "(DOMIQ_HOME names the directory in which domiq-sync keeps its files)."
    )


def _crash(error: BaseException) -> NoReturn:
    """Says what happened and where, and nothing of the values that it happened with."""
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        print(frames(error), end="", file=sys.stderr)
    fail(
        f"This is a fault of domiq-sync's own ({_name(error)} at {origin(error.__traceback__)}, version "
        f"{version_of_ours()}); what was done until then is stored. Please report this line as an issue of "
        "domiq-sync's repository; DOMIQ_LOG_LEVEL=DEBUG adds where it came from.",
        CRASHED,
    )


def frames(error: BaseException) -> str:
    """Where an exception and its causes came from: files, lines and functions, without a value or a word of
    theirs."""
    parts = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        parts.append("".join(traceback.format_tb(link.__traceback__)) + f"{_name(link)}\n")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "which came of:\n".join(parts)


def origin(trace: TracebackType | None) -> str:
    """The innermost line of the program's own among the frames of a traceback."""
    found = "an unknown line"
    for frame in traceback.extract_tb(trace):
        path = Path(frame.filename).resolve()
        if path.is_relative_to(_PACKAGE):
            found = f"{path.relative_to(_PACKAGE)}:{frame.lineno} in {frame.name}"
    return found


def _name(error: BaseException) -> str:
    kind = type(error)
    known = kind.__module__ == "builtins" or isinstance(error, SQLAlchemyError)
    return kind.__name__ if known else f"{kind.__module__}.{kind.__qualname__}"


def version_of_ours() -> str:
    """The version of domiq-dagster that is installed."""
    try:
        return version("domiq-dagster")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def _leave_quietly() -> NoReturn:
    """Whoever read the output is gone: nothing more is said, at the interpreter's end neither."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    sys.exit(128 + signal.SIGPIPE)
