"""deploy/secrets.sh: what it writes, who may read it, and what it shows of it."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "secrets.sh"
ASKED = ("domiq_owner_url", "domiq_database_url", "resman_partner_id", "resman_api_key")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return Path(shutil.copy(SCRIPT, tmp_path))


def test_nobody_else_gets_to_the_files_and_the_containers_users_can_read_them(script: Path) -> None:
    subprocess.run([script, "--trial"], check=True)
    place = script.parent / "secrets"
    assert place.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in place.iterdir()} == {0o644}


def test_a_directory_that_let_others_by_does_so_no_more(script: Path) -> None:
    place = script.parent / "secrets"
    place.mkdir(mode=0o755)
    subprocess.run([script, "--trial"], check=True)
    assert place.stat().st_mode & 0o777 == 0o700


def test_what_is_there_stays(script: Path) -> None:
    subprocess.run([script, "--trial"], check=True)
    before = {file.name: file.read_text() for file in (script.parent / "secrets").iterdir()}
    subprocess.run([script], check=True, stdin=subprocess.DEVNULL)
    assert {file.name: file.read_text() for file in (script.parent / "secrets").iterdir()} == before


def test_what_nobody_has_answered_is_asked_again(script: Path) -> None:
    for _ in range(2):
        done = subprocess.run([script], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert [name for name in ASKED if f"deploy/secrets/{name}." in done.stderr] == list(ASKED)


def test_what_is_typed_is_written_and_not_shown(script: Path) -> None:
    shown = _on_a_terminal(script, [f"typed-{name}" for name in ASKED])
    assert "typed-" not in shown
    for name in ASKED:
        assert (script.parent / "secrets" / name).read_text() == f"typed-{name}\n"


def _on_a_terminal(script: Path, answers: list[str]) -> str:
    """What a terminal shows while each question is answered."""
    ours, its = pty.openpty()
    try:
        process = subprocess.Popen([script], stdin=its, stdout=its, stderr=its, start_new_session=True)
        os.close(its)
        shown = ""
        for answer in answers:
            shown += _until_asked(ours)
            os.write(ours, f"{answer}\n".encode())
        shown += _to_the_end(ours)
        assert process.wait(30) == 0, shown
        return shown
    finally:
        os.close(ours)


def _until_asked(terminal: int) -> str:
    shown = ""
    while not shown.endswith(": "):
        shown += os.read(terminal, 1).decode()
    return shown


def _to_the_end(terminal: int) -> str:
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 1024)
        except OSError:  # nobody is at the other end any more
            return shown.decode()
