"""The wheel, and the source archive: built, unpacked and used away from the checkout, it has all it needs."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from domiq_dagster.runtime.files import shipped

ROOT = Path(__file__).resolve().parents[2]
USE = """
import sys
from pathlib import Path
import domiq_dagster
from domiq_dagster.runtime.files import shipped
from domiq_dagster.cli.main import main
place = Path(sys.argv.pop(1))
assert Path(domiq_dagster.__file__).is_relative_to(place), domiq_dagster.__file__
for name in ("sql", "dagster.yaml", "workspace.yaml"):
    assert shipped(name).is_relative_to(place), shipped(name)
main()
"""


def built(target: Path, *options: str) -> Path:
    """The wheel's contents in a directory of their own. Building fetches the build backend, unless this
    environment has it."""
    build = [sys.executable, "-m", "build", *options, "--outdir", str(target), str(ROOT)]
    if subprocess.run([sys.executable, "-c", "import hatchling"], capture_output=True).returncode == 0:
        build.insert(-1, "--no-isolation")
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target / "site")
    return target / "site"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"), "--wheel")


def contents(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_it_prints_the_same_migration_from_anywhere(unpacked: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    printed = subprocess.run(
        [sys.executable, "-c", USE, str(unpacked), "migrate", "--sql"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (printed.returncode, printed.stderr) == (0, "")
    own = subprocess.run(
        [Path(sys.executable).with_name("domiq-sync"), "migrate", "--sql"], capture_output=True, text=True
    )
    assert printed.stdout == own.stdout
    assert printed.stdout.startswith("BEGIN;\n")
    transaction, _, after = printed.stdout.partition("COMMIT;\n")
    assert transaction and after.startswith("CREATE INDEX CONCURRENTLY IF NOT EXISTS")


@pytest.mark.slow
def test_it_has_every_module_and_file_and_nothing_besides(unpacked: Path) -> None:
    package = ROOT / "domiq_dagster"
    ours = {p.relative_to(ROOT).as_posix() for p in package.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    have = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob("*") if p.is_file()}
    files = {name for name in have if name.startswith("domiq_dagster/_files/")}
    rest = {name for name in have - files if ".dist-info/" not in name}
    assert rest == ours
    given = shipped("sql")
    sql = {f"domiq_dagster/_files/sql/{p.relative_to(given)}" for p in given.rglob("*") if p.is_file()}
    assert files == sql | {f"domiq_dagster/_files/{name}" for name in ("dagster.yaml", "workspace.yaml")}
    (entry_points,) = unpacked.glob("*.dist-info/entry_points.txt")
    assert "domiq-sync = domiq_dagster.cli.main:main" in entry_points.read_text()


@pytest.mark.slow
def test_it_says_that_it_is_typed_and_under_which_licence(unpacked: Path) -> None:
    assert (unpacked / "domiq_dagster" / "py.typed").is_file()
    (about,) = unpacked.glob("*.dist-info")
    metadata = (about / "METADATA").read_text(encoding="utf-8")
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert (about / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert metadata.endswith((ROOT / "README.md").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_source_archive_makes_the_same_wheel(unpacked: Path, tmp_path: Path) -> None:
    # Without a choice, `build` makes the wheel from the archive that it made before.
    assert contents(built(tmp_path)) == contents(unpacked)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    # It is enough for make install, make test and make image.
    assert {"LICENSE", "Makefile", "constraints.txt", "tests/conftest.py", "dagster.yaml"} <= names
