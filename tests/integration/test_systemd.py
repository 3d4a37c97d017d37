"""The units for a machine without containers, as systemd's own tools see them."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = DEPLOY / "systemd"
SERVICES = ("code", "webserver", "daemon", "migrate", "worker@9273")
SYSTEMS_OWN = Path("/usr/lib/systemd/system")
MOST_EXPOSED = 2.0  # of 10, as systemd-analyze counts it
pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A file system with the units, and with something to run where they look for it."""
    places = tmp_path / "etc/systemd/system"
    places.parent.mkdir(parents=True)
    shutil.copytree(UNITS, places, ignore=shutil.ignore_patterns("*.sh"))
    shutil.copytree(SYSTEMS_OWN, tmp_path / "usr/lib/systemd/system", symlinks=True)
    for program in (*_programs(), "/usr/bin/env"):
        file = tmp_path / program.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(0o755)
    return tmp_path


def test_each_unit_is_understood(root: Path) -> None:
    command = ["systemd-analyze", "verify", f"--root={root}", "domiq-sync.target"]
    command += [f"domiq-sync-{name}.service" for name in SERVICES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_enabled_starts_with_the_machine(root: Path) -> None:
    """As docs/one-machine.md has it enabled. systemctl takes a unit without [Install] as well, and does not
    enable it."""
    wanted = {
        "domiq-sync.target": "multi-user.target",
        "domiq-sync-worker@9275.service": "domiq-sync.target",
    }
    for unit, by in wanted.items():
        subprocess.run(["systemctl", f"--root={root}", "enable", unit], check=True, capture_output=True)
        assert (root / "etc/systemd/system" / f"{by}.wants" / unit).is_symlink()


def test_what_is_installed_can_be_read_by_the_services_user(tmp_path: Path) -> None:
    """Whatever the umask of whoever installs it."""
    source = tmp_path / "source"
    shutil.copytree(DEPLOY, source / "deploy", ignore=shutil.ignore_patterns("secrets", "helm"))
    shutil.copy(DEPLOY.parent / "dagster.yaml", source)
    _write_wheel(source / "build/wheels")
    place = tmp_path / "root"
    install = ["sh", "-c", 'umask 077; exec "$@"', "sh", str(source / "deploy/systemd/install.sh")]
    env = {**os.environ, "PYTHON": sys.executable}
    subprocess.run([*install, "--root", str(place)], check=True, env=env)
    kept = place / "etc/domiq-sync/secrets"
    assert kept.stat().st_mode & 0o777 == 0o700
    for path in (place / "opt", place / "etc"):
        closed = [it for it in (path, *path.rglob("*")) if not it.stat().st_mode & 0o004 and it != kept]
        assert closed == []


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_may_do_little_besides_its_work(root: Path, name: str) -> None:
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--root={root}",
        f"domiq-sync-{name}.service",
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", shown)
    assert found and float(found[1]) <= MOST_EXPOSED, shown


def test_they_run_what_the_containers_run() -> None:
    """But for the addresses: here all is on the loopback."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name in ("code", "webserver", "daemon", "worker"):
        (line,) = _commands(next(UNITS.glob(f"domiq-sync-{name}*.service")))
        ours = line.replace("/opt/domiq/venv/bin/", "").replace("127.0.0.1", "0.0.0.0").replace("%i", "9273")
        assert ours == services[name]["command"]


def _write_wheel(folder: Path) -> None:
    """One that has nothing in it but the sync's name."""
    about = "domiq_dagster-0.dist-info"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "domiq_dagster-0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: domiq-dagster\nVersion: 0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


def _commands(unit: Path) -> list[str]:
    return re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.M)


def _programs() -> set[str]:
    lines = [line for unit in UNITS.glob("*.service") if unit.is_file() for line in _commands(unit)]
    return {word for line in lines for word in line.split() if word.startswith("/opt/domiq/venv/bin/")}
