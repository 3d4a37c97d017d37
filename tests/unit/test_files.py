"""Shipped files are found in a checkout, and so is the state directory."""

from pathlib import Path

import pytest

from domiq_dagster.runtime.files import shipped
from domiq_dagster.runtime.home import home


@pytest.mark.parametrize("name", ["sql", "dagster.yaml", "workspace.yaml"])
def test_what_is_shipped_is_found(name: str) -> None:
    assert shipped(name).exists()


def test_what_is_not_shipped_is_said_in_one_sentence() -> None:
    with pytest.raises(FileNotFoundError, match=r"^absent\.yaml is missing from this installation"):
        shipped("absent.yaml")


def test_home_is_absolute_and_the_users_choice_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert home({}) == tmp_path / ".domiq"
    assert home({"DOMIQ_HOME": " "}) == tmp_path / ".domiq"
    assert home({"DOMIQ_HOME": "elsewhere"}) == tmp_path / "elsewhere"
    monkeypatch.setenv("DOMIQ_HOME", "/srv/domiq")
    assert home() == Path("/srv/domiq")
