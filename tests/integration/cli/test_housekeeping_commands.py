"""domiq-sync housekeeping, erase and archive export, as somebody at a shell has them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from domiq_dagster.sync.housekeeping.housekeeping import keep_house
from tests.fixtures.commands import Run
from tests.fixtures.world import World
from tests.integration.sync.housekeeping.test_housekeeping import ARCHIVE, age, moved

EMAIL = "ada.1@example.com"


@pytest.fixture
def env(world: World, tmp_path: Path) -> dict[str, str]:
    return {"DOMIQ_DATABASE_URL": world.url, "DOMIQ_HOME": str(tmp_path / "home")}


def test_housekeeping_says_what_went(world: World, run: Run, env: dict[str, str]) -> None:
    moved(world, "new", "contacted")
    age(world)
    done = run("housekeeping", "--json", **env)
    assert (done.code, "log" in done.result["kinds"]) == (0, False)
    done = run("housekeeping", "--dry-run", "--archive-after", 40, **env)
    assert (done.code, "log: 1 would move to the archive" in done.out) == (0, True)
    done = run("housekeeping", "--json", **env, DOMIQ_ARCHIVE_AFTER_DAYS="40")
    assert done.result["kinds"]["log"] == {"rows": 1, "whole": True, "problem": None}


@pytest.mark.parametrize(
    ("arguments", "more", "sentence"),
    [
        (("--attempts", 3), {}, "attempts_days is 3"),
        (("--archive-after", "nan"), {}, "archive_after_days is nan"),
        ((), {"DOMIQ_ARCHIVE_AFTER_DAYS": "a year"}, "DOMIQ_ARCHIVE_AFTER_DAYS is no number of days"),
    ],
)
def test_what_cannot_be_kept_house_by_is_one_sentence(
    run: Run, env: dict[str, str], arguments: Any, more: dict[str, str], sentence: str
) -> None:
    done = run("housekeeping", *arguments, **env, **more)
    assert done.code == 2
    assert sentence in done.err and "Traceback" not in done.err


def test_a_person_is_erased_and_asked_for_again(world: World, run: Run, env: dict[str, str]) -> None:
    moved(world, "new", "contacted")
    assert run("erase", **env).code == 2
    refused = run("erase", "--person", EMAIL, "--json", **env)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    dry = run("erase", "--person", EMAIL, "--dry-run", "--json", **env)
    assert (dry.code, dry.result["erased_at"], dry.result["counts"]["links"]) == (0, None, 1)
    done = run("erase", "--person", EMAIL, "--yes", **env)
    assert done.code == 0
    assert "ResMan are not touched" in done.out and EMAIL not in done.out + done.err
    again = run("erase", "--person", EMAIL.upper(), "--yes", **env)
    assert "Erased before" in again.out
    assert (Path(env["DOMIQ_HOME"]) / "erasure.key").stat().st_mode & 0o777 == 0o600
    unknown = run("erase", "--person", "nobody@example.com", "--yes", **env)
    assert unknown.code == 2 and "nobody@example.com" not in unknown.out + unknown.err


def test_explain_tells_of_archived_rows(world: World, run: Run, env: dict[str, str]) -> None:
    conversation = moved(world, "new", "contacted")
    age(world)
    keep_house(world.engine, ARCHIVE)
    done = run("explain", conversation, **env)
    assert done.code == 0
    assert done.out.count("in the archive since") == 1


def test_the_archive_is_written_to_files(world: World, run: Run, env: dict[str, str], tmp_path: Path) -> None:
    moved(world, "new", "contacted", "qualified")
    age(world)
    keep_house(world.engine, ARCHIVE)
    done = run("archive", "export", "--out", tmp_path / "files", "--json", **env)
    if importlib.util.find_spec("pyarrow") is None:
        assert done.code == 2
        assert "domiq-dagster[parquet]" in done.err
        return
    import pyarrow.parquet as pq

    (file,) = done.result["files"]
    table = pq.read_table(file["path"])
    assert file["rows"] == table.num_rows == 2
    found = table.to_pylist()
    rows = world.rows("SELECT * FROM domiq_sync.status_sync_log_archive ORDER BY seq")
    assert [(r["id"], r["new_status"], r["created_at"]) for r in found] == [
        (str(r.id), r.new_status, r.created_at) for r in rows
    ]
    assert [p.name for p in (tmp_path / "files").iterdir()] == [Path(file["path"]).name]
