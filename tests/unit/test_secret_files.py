"""A variable's value is found in the file that NAME_FILE names, by every program."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from domiq_dagster.dagster_storage import PostgresStorage
from domiq_dagster.runtime.files import shipped
from domiq_dagster.runtime.secret_files import VARIABLES, SecretFileError, take_up

ROOT = Path(__file__).resolve().parents[2]


def _file(tmp_path: Path, text: str | bytes = "s3cret\n") -> Path:
    path = tmp_path / "secret"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _program(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    clean |= {"PYTHONPATH": str(ROOT), "DOMIQ_HOME": str(tmp_path / "home"), **env}
    return subprocess.run(
        [sys.executable, *arguments], env=clean, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("name", VARIABLES)
def test_the_value_is_what_is_in_the_file_and_children_find_it_too(name: str, tmp_path: Path) -> None:
    env = {f"{name}_FILE": str(_file(tmp_path)), "PATH": "/bin"}
    take_up(env)
    assert env == {name: "s3cret", "PATH": "/bin"}
    take_up(env)
    assert env == {name: "s3cret", "PATH": "/bin"}


def test_without_files_nothing_changes() -> None:
    env = {"RESMAN_API_KEY": "k", "DAGSTER_PG_URL_FILE": " ", "OTHER_FILE": "/nowhere"}
    before = dict(env)
    take_up(env)
    assert env == before


def test_given_both_ways_with_two_values_is_refused_and_nothing_is_set(tmp_path: Path) -> None:
    path = str(_file(tmp_path))
    env = {"RESMAN_API_KEY": "k", "RESMAN_API_KEY_FILE": path, "DAGSTER_PG_URL_FILE": path}
    before = dict(env)
    with pytest.raises(
        SecretFileError,
        match=r"^RESMAN_API_KEY and RESMAN_API_KEY_FILE are both set, and differ: leave one of them out",
    ):
        take_up(env)
    assert env == before


def test_given_both_ways_with_one_value_is_what_it_says(tmp_path: Path) -> None:
    env = {"RESMAN_API_KEY": "s3cret", "RESMAN_API_KEY_FILE": str(_file(tmp_path))}
    take_up(env)
    assert env == {"RESMAN_API_KEY": "s3cret"}


def test_many_threads_at_once_all_find_the_value(tmp_path: Path) -> None:
    path = str(_file(tmp_path))
    for _ in range(50):
        env = {f"{name}_FILE": path for name in VARIABLES}
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _number, env=env: take_up(env), range(4)))
        assert env == dict.fromkeys(VARIABLES, "s3cret")


def test_a_run_that_is_given_the_file_again_goes_on_with_what_it_was_handed_down(tmp_path: Path) -> None:
    """Dagster sets what .env has in the code server, and again in each run that this starts."""
    given = f"import os; os.environ['RESMAN_API_KEY_FILE'] = {str(_file(tmp_path))!r}; "
    loads = f"{given} import domiq_dagster.definitions; "
    child = f"{loads} print(os.environ['RESMAN_API_KEY'], 'RESMAN_API_KEY_FILE' in os.environ)"
    code = f"{loads} import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {child!r}]))"
    done = _program(tmp_path, "-c", code)
    assert (done.returncode, done.stdout) == (0, "s3cret False\n"), done.stderr


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match=r"^RESMAN_API_KEY_FILE names \S+absent, .*No such file"):
        take_up({"RESMAN_API_KEY_FILE": str(tmp_path / "absent")})
    with pytest.raises(
        SecretFileError, match=rf"^RESMAN_API_KEY_FILE names {re.escape(str(tmp_path))}, .*dir"
    ):
        take_up({"RESMAN_API_KEY_FILE": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is empty"), (" \n", "is empty"), (b"\xff\xfe", "is no text"), ("a\0b", "is no text")],
)
def test_a_file_without_a_value_is_named(text: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match=rf"^RESMAN_API_KEY_FILE names \S+secret, which {said}: write"):
        take_up({"RESMAN_API_KEY_FILE": str(_file(tmp_path, text))})


def test_the_command_line_says_it_in_one_sentence(tmp_path: Path) -> None:
    done = _program(
        tmp_path, "-m", "domiq_dagster.cli", "status", RESMAN_API_KEY_FILE=str(tmp_path / "absent")
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r".*RESMAN_API_KEY_FILE names .*: correct the path, or who may read it\.\n", done.stderr
    )


def test_with_json_the_sentence_is_in_one_object_on_stdout(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    done = _program(tmp_path, "-m", "domiq_dagster.cli", "status", "--json", RESMAN_API_KEY_FILE=absent)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"].startswith("RESMAN_API_KEY_FILE names")


def test_the_page_names_each_of_them() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    section = page.partition("### Secrets in files")[2].partition("\n## ")[0]
    assert set(re.findall(r"`((?:DOMIQ|RESMAN|DAGSTER|OTEL)_[A-Z0-9_]+)`", section)) == set(VARIABLES)


def test_the_command_line_goes_where_the_file_says(tmp_path: Path) -> None:
    url = _file(tmp_path, "postgresql://nobody@127.0.0.1:1/domiq\n")
    done = _program(tmp_path, "-m", "domiq_dagster.cli", "status", DOMIQ_DATABASE_URL_FILE=str(url))
    assert done.returncode == 2
    assert "127.0.0.1" in done.stderr and "DOMIQ_DATABASE_URL is not set" not in done.stderr


def test_the_stand_in_says_it_in_one_sentence(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    done = _program(tmp_path, "-m", "domiq_dagster.resman.standin", RESMAN_PARTNER_ID_FILE=absent)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"The stand-in could not run: RESMAN_PARTNER_ID_FILE names .*\n", done.stderr)


def test_the_definitions_take_them_up(tmp_path: Path) -> None:
    code = "import os, domiq_dagster.definitions; print(os.environ['RESMAN_API_KEY'])"
    done = _program(tmp_path, "-c", code, RESMAN_API_KEY_FILE=str(_file(tmp_path)))
    assert (done.returncode, done.stdout) == (0, "s3cret\n"), done.stderr


def test_dagsters_storage_says_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_PG_URL", raising=False)
    monkeypatch.setenv("DAGSTER_PG_URL_FILE", str(tmp_path / "absent"))
    with pytest.raises(dg.DagsterInvariantViolationError, match=r"^DAGSTER_PG_URL_FILE names"):
        PostgresStorage.from_config_value(None, {"postgres_url_in": "DAGSTER_PG_URL"})
    assert "postgres_url_in: DAGSTER_PG_URL\n" in shipped("dagster.yaml").read_text()
