"""docs/tables.md is what sql/ and the samples state."""

import pytest

from domiq_dagster.db.comments import Column, Table, described_tables
from tools.tables import PAGE, SAMPLES, CannotWrite, page, read_samples

TABLE = Table(
    "domiq_sync.pause",
    False,
    "Pauses | of *properties*",
    (Column("id", "bigint", True, "The pause."),),
    "150_comments_on_properties.sql",
)


def test_the_page_is_what_the_files_state() -> None:
    written = page(described_tables().values(), read_samples(SAMPLES.read_text(encoding="utf-8")))
    assert PAGE.read_text(encoding="utf-8") == written, "run: make tables"


def test_a_table_is_shown_with_its_columns_and_its_sample() -> None:
    told = page([TABLE], read_samples("-- name: pause\n-- What is paused:\nSELECT 1;\n"))
    assert "### pause\n\nPauses \\| of \\*properties\\*.\n" in told
    assert "| `id` | bigint, required | The pause. |" in told
    assert "What is paused:\n\n```sql\nSELECT 1;\n```\n" in told


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        ("-- name: gone\n-- What?\nSELECT 1;\n", "samples of tables that are not there: gone"),
        ("-- name: pause\nSELECT 1;\nSELECT 2;\n", "Say in a comment what the sample pause"),
        (
            "-- name: pause\n-- What?\nSELECT 1;\n-- name: pause\n-- What?\nSELECT 1;\n",
            "two samples named pause",
        ),
    ],
)
def test_a_sample_without_its_table_or_its_question_is_refused(samples: str, complaint: str) -> None:
    with pytest.raises(CannotWrite, match=complaint):
        page([TABLE], read_samples(samples))


def test_a_file_of_comments_without_a_heading_is_refused() -> None:
    table = Table("domiq_sync.pause", False, "Pauses", (), "159_comments_on_more.sql")
    with pytest.raises(CannotWrite, match=r"Give 159_comments_on_more\.sql a heading"):
        page([table], {})
