"""What a running `dev` keeps for other terminals."""

from pathlib import Path

import pytest

from domiq_dagster.runtime.dev_home import (
    NotRunning,
    broken_now,
    forget_environment,
    journal,
    note_broken,
    note_mended,
    running_environment,
    tell_environment,
)
from domiq_dagster.runtime.home_lock import alone, holder

ENV = {"DOMIQ_DATABASE_URL": "postgresql://o'hara@/domiq?host=/a b", "PATH": "/bin", "RESMAN_API_KEY": "k"}


def test_other_terminals_find_the_world_of_a_dev_that_runs(tmp_path: Path) -> None:
    with alone(tmp_path, "dev"):
        path = tell_environment(tmp_path, ENV)
        assert path.stat().st_mode & 0o777 == 0o600
        found = running_environment(tmp_path)
    assert found == {name: value for name, value in ENV.items() if name != "PATH"}


def test_where_no_dev_runs_one_is_told_to_start_one(tmp_path: Path) -> None:
    tell_environment(tmp_path, ENV)  # of one that was killed
    for _ in range(2):
        with pytest.raises(NotRunning, match=r"^No dev is running in .*: start one with `make dev`"):
            running_environment(tmp_path)
    with alone(tmp_path, "demo"), pytest.raises(NotRunning, match=r"^No dev is running"):
        running_environment(tmp_path)
    with pytest.raises(NotRunning):
        running_environment(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_one_that_is_not_ready_yet_is_waited_for(tmp_path: Path) -> None:
    with (
        alone(tmp_path, "dev"),
        pytest.raises(NotRunning, match=r"^The dev \(pid \d+\) in .* is not ready yet"),
    ):
        running_environment(tmp_path)
    tell_environment(tmp_path, ENV)
    forget_environment(tmp_path)
    forget_environment(tmp_path)
    assert not list(tmp_path.glob("*.env"))


def test_asking_who_keeps_a_home_keeps_nobody_from_it(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with alone(tmp_path, "dev"):
        assert str(holder(tmp_path)).startswith("dev (pid ")
    assert holder(tmp_path) is None
    with alone(tmp_path, "demo"):
        assert str(holder(tmp_path)).startswith("demo")


def test_what_is_broken_and_mended_stays_on_record(tmp_path: Path) -> None:
    assert journal(tmp_path) == []
    note_broken(tmp_path, "refuse", "juniper-flats")
    note_broken(tmp_path, "refuse", "juniper-flats")
    note_broken(tmp_path, "outage")
    assert [(one.name, one.where) for one in broken_now(tmp_path)] == [
        ("refuse", "juniper-flats"),
        ("outage", ""),
    ]

    note_mended(tmp_path)
    mended = journal(tmp_path)
    note_mended(tmp_path)

    assert broken_now(tmp_path) == []
    assert journal(tmp_path) == mended
    assert len(mended) == 2
    assert all(one.mended_at and one.mended_at >= one.broken_at for one in mended)
