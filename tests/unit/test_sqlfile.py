"""Named queries in `.sql` files, and the mistakes that a file can hold."""

from pathlib import Path

import pytest
from sqlalchemy import text

from domiq_dagster.db.sqlfile import SqlFileError, load_queries, read_queries


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package `queries_<n>`, empty, of this test alone."""
    path = tmp_path / f"queries_{abs(hash(tmp_path))}"
    path.mkdir()
    (path / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return path


def test_queries_are_split_by_name_and_keep_their_comments(package: Path) -> None:
    (package / "q.sql").write_text(
        "-- About it.\n\n-- name: first\n-- why: speed\nSELECT 1;\n\n--name:second_one\nSELECT\n  2\n"
    )
    assert read_queries(package.name, "q.sql") == {
        "first": "-- why: speed\nSELECT 1;",
        "second_one": "SELECT\n  2",
    }


def test_a_file_is_read_once_and_no_caller_spoils_it_for_another(package: Path) -> None:
    (package / "q.sql").write_text("-- name: one\nSELECT 1\n")
    load_queries(package.name, "q.sql").one = text("SELECT 2")  # type: ignore[misc]
    (package / "q.sql").unlink()
    assert load_queries(package.name, "q.sql").one.text == "SELECT 1"


def test_a_query_that_is_not_there_is_an_error_where_it_is_named(package: Path) -> None:
    (package / "q.sql").write_text("-- name: one\nSELECT :n\n")
    queries = load_queries(package.name, "q.sql")
    assert str(queries.one.bindparams(n=1)) == "SELECT :n"
    with pytest.raises(AttributeError, match="two"):
        queries.two  # noqa: B018


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("-- name: a\nSELECT 1\n-- name: a\nSELECT 2\n", "a is given twice"),
        ("SELECT 0;\n-- name: a\nSELECT 1\n", "SQL above"),
        ("-- name: a\n-- only words\n\n-- name: b\nSELECT 1\n", "a is empty"),
        ("-- name:\nSELECT 1\n", "not a usable name"),
        ("-- name: two words\nSELECT 1\n", "not a usable name"),
        ("-- nothing\n", "no `-- name:` line"),
    ],
)
def test_a_malformed_file_is_refused(package: Path, written: str, complaint: str) -> None:
    (package / "q.sql").write_text(written)
    with pytest.raises(SqlFileError, match=complaint):
        load_queries(package.name, "q.sql")


def test_a_missing_file_says_so(package: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_queries(package.name, "absent.sql")
