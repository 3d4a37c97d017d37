"""What the database says of its tables and columns is what `sql/` states, of every one of them, and the
samples of docs/tables.md run."""

from pathlib import Path

import pytest
from sqlalchemy import text

from domiq_dagster.db.comments import Column, CommentsError, described_tables, read_comments
from domiq_dagster.db.migrate import migrate, sql_text
from tests.fixtures.world import World
from tools.tables import SAMPLES, read_samples

TABLES = text(
    """
    SELECT n.nspname || '.' || c.relname, c.relkind = 'v', obj_description(c.oid, 'pg_class')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relkind IN ('r', 'v', 'p') AND NOT c.relispartition
    """
)
COLUMNS = text(
    """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           col_description(a.attrelid, a.attnum)
    FROM pg_attribute a
    WHERE a.attrelid = CAST(:name AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
    """
)
SAMPLE_QUERIES = read_samples(SAMPLES.read_text(encoding="utf-8"))


def columns_of(world: World, table: str) -> tuple[Column, ...]:
    with world.engine.connect() as connection:
        return tuple(Column(*row) for row in connection.execute(COLUMNS, {"name": table}))


def test_the_database_says_of_each_table_of_the_syncs_what_the_files_state(world: World) -> None:
    with world.engine.connect() as connection:
        said = {
            name: (is_view, words)
            for name, is_view, words in connection.execute(TABLES, {"schema": "domiq_sync"})
        }
    stated = {
        table.name: (table.is_view, table.words)
        for table in described_tables().values()
        if table.name.startswith("domiq_sync.")
    }
    assert said == stated
    assert len(stated) > 50


def test_the_database_says_of_each_column_of_the_syncs_what_the_files_state(world: World) -> None:
    ours = [table for table in described_tables().values() if table.name.startswith("domiq_sync.")]
    assert {table.name: columns_of(world, table.name) for table in ours} == {
        table.name: table.columns for table in ours
    }


def test_the_tables_of_others_are_described_as_they_are_and_nothing_is_said_in_their_schema(
    world: World,
) -> None:
    others = [table for table in described_tables().values() if table.name.startswith("public.")]
    found = {table.name: columns_of(world, table.name) for table in others}
    assert [column.words for columns in found.values() for column in columns if column.words] == []
    assert {name: [(c.name, c.type, c.required) for c in columns] for name, columns in found.items()} == {
        table.name: [(c.name, c.type, c.required) for c in table.columns] for table in others
    }


def test_whoever_owns_the_tables_of_others_can_run_the_file_that_describes_them(world: World) -> None:
    world.do(sql_text("comments/public.sql").replace(":", "\\:"))
    for table in described_tables().values():
        if table.name.startswith("public."):
            assert columns_of(world, table.name) == table.columns


def test_a_comment_that_somebody_changed_is_as_stated_after_the_next_migrate(world: World) -> None:
    stated = described_tables()["domiq_sync.delivery"].columns
    world.do("COMMENT ON COLUMN domiq_sync.delivery.lane IS 'Something else'")
    assert columns_of(world, "domiq_sync.delivery") != stated
    migrate(world.engine)
    assert columns_of(world, "domiq_sync.delivery") == stated


def test_a_month_of_the_archive_has_the_comments_of_its_columns(world: World) -> None:
    world.do("SELECT domiq_sync.make_archive_month('2026-03-01')")
    assert (
        columns_of(world, "domiq_sync.status_sync_log_archive_2026_03")
        == described_tables()["domiq_sync.status_sync_log_archive"].columns
    )


@pytest.mark.parametrize("name", sorted(SAMPLE_QUERIES))
def test_a_sample_runs_and_changes_nothing(world: World, name: str) -> None:
    _, query = SAMPLE_QUERIES[name]
    with world.engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        assert connection.exec_driver_sql(query).returns_rows


def test_samples_answer_with_what_a_pass_left(world: World) -> None:
    user = world.user("Ada", "Example", email="ada@example.com")
    here = world.property()
    conversation = world.conversation(here, user)
    world.lead(first="Ada", last="Example", email="ada@example.com")
    world.sync()
    world.change(conversation, status="tour_scheduled")
    world.sync()
    answers = {}
    with world.engine.connect() as connection:
        for name, (_, query) in SAMPLE_QUERIES.items():
            of_it = query.replace("00000000-0000-0000-0000-000000000000", str(conversation))
            answers[name] = connection.exec_driver_sql(of_it).all()
    full = {name for name, rows in answers.items() if rows}
    assert {
        "status_sync_log",
        "status_sync_success_rate",
        "integration",
        "change",
        "resman_lead",
        "watermark",
        "pull",
        "lead_link",
        "domiq_status_map",
        "status_sync_log_all",
    } <= full
    assert [row.new_status for row in answers["status_sync_log"]][-1] == "tour_scheduled"


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("COMMENT ON TABLE a.b IS NULL;\n", "no comment of a table"),
        ("COMMENT ON TABLE a.b IS 'On one line';\n", "no comment of a table"),
        ("COMMENT ON COLUMN a.b.c IS -- text\n'Words.';\n", "does not stand below its table"),
        ("COMMENT ON TABLE a.b IS\n'Words';\nCOMMENT ON COLUMN a.b.c IS\n'Words.';\n", "has no type"),
        ("DROP TABLE a.b;\n", "no comment of a table"),
    ],
)
def test_a_file_that_does_not_keep_to_the_form_is_refused(
    tmp_path: Path, statement: str, complaint: str
) -> None:
    file = tmp_path / "150_comments_on_it.sql"
    file.write_text(f"-- What it is about.\n\n{statement}", encoding="utf-8")
    with pytest.raises(CommentsError, match=complaint):
        list(read_comments(file))
