"""What the assets say of themselves in the catalogue: whose they are, of what kind, where they are written,
and the columns of the tables behind them, which are those that the database has."""

import re
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetSpec, LocalFileCodeReference, TableSchema
from sqlalchemy import Engine, text

from domiq_dagster.assets.catalogue import explained_in
from domiq_dagster.assets.table_schemas import COMMENTS, SCHEMAS
from domiq_dagster.definitions import defs
from domiq_dagster.sync.alerts.cases import (
    CAPTURE_MISSES,
    CREDENTIALS,
    NOT_ENTITLED,
    RESMAN_DOWN,
    SHARED,
    STANDSTILL,
)
from domiq_dagster.sync.alerts.watched import TroubleKind
from tests.fixtures.world import World

ROOT = Path(__file__).parents[3] / "domiq_dagster"
SPECS = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
COLUMNS = text(
    """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull
    FROM pg_attribute a
    WHERE a.attrelid = CAST(:name AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
    """
)


def columns_of(engine: Engine, table: str) -> list[tuple[str, str, bool]]:
    """The columns of a table or view in their order: name, type, whether it may be empty."""
    with engine.connect() as connection:
        return [
            (name, kind, nullable) for name, kind, nullable in connection.execute(COLUMNS, {"name": table})
        ]


def by_key(specs: dict[AssetKey, AssetSpec]) -> list[Any]:
    return [pytest.param(spec, id=key.to_user_string()) for key, spec in sorted(specs.items())]


@pytest.mark.parametrize("table", sorted(SCHEMAS))
def test_the_catalogue_states_the_columns_that_the_table_has(world: World, table: str) -> None:
    stated = [(c.name, c.type, c.constraints.nullable) for c in SCHEMAS[table].columns]
    assert stated == columns_of(world.engine, table)


@pytest.mark.parametrize("table", sorted(SCHEMAS))
def test_every_column_says_what_it_holds(table: str) -> None:
    assert [c.name for c in SCHEMAS[table].columns if not c.description] == []


@pytest.mark.parametrize("spec", by_key(SPECS))
def test_every_asset_says_whose_it_is_and_of_what_kind(spec: AssetSpec) -> None:
    assert spec.owners
    assert spec.kinds
    assert spec.group_name in {"sources", "inbound", "outbound", "record"}
    assert {"direction", "writes_to"} <= set(spec.tags) or "system" in spec.tags


def test_every_asset_that_has_a_table_names_it_and_its_columns() -> None:
    tables = {key.to_user_string(): spec.metadata.get("dagster/table_name") for key, spec in SPECS.items()}
    assert tables == {
        "domiq/property": "public.property",
        "domiq/conversation": "public.conversation",
        "resman/prospects": None,
        "resman_leads": "domiq_sync.resman_lead",
        "inbound_status_changes": "public.status_sync_log",
        "conversation_status_pushes": "domiq_sync.attempt",
        "status_sync_log": "public.status_sync_log",
        "status_sync_success_rate": "public.status_sync_success_rate",
        "status_workflow_actions": "domiq_sync.rule_decision",
        "status_notifications": "domiq_sync.notification",
        "status_sync_daily": "domiq_sync.daily_figure",
        "status_sync_report": None,
    }
    for spec in SPECS.values():
        schema = spec.metadata.get("dagster/column_schema")
        table = spec.metadata.get("dagster/table_name")
        assert schema == (SCHEMAS[table] if table else None)
        assert schema is None or isinstance(schema, TableSchema)


@pytest.mark.parametrize("spec", by_key(SPECS))
def test_every_asset_says_in_which_of_our_files_it_is_written(spec: AssetSpec) -> None:
    (reference,) = spec.metadata["dagster/code_references"].code_references
    assert isinstance(reference, LocalFileCodeReference)
    file = Path(reference.file_path)
    assert file.is_relative_to(ROOT / "assets")
    assert (reference.line_number is None) or file.read_text().splitlines()[reference.line_number - 1]


COMMENT = text("SELECT obj_description(CAST(:name AS regclass), 'pg_class')")
COLUMN_COMMENTS = text(
    """
    SELECT a.attname, col_description(a.attrelid, a.attnum)
    FROM pg_attribute a
    WHERE a.attrelid = CAST(:name AS regclass) AND a.attnum > 0
        AND col_description(a.attrelid, a.attnum) IS NOT NULL
    """
)


def test_the_catalogue_repeats_what_the_database_says_of_a_table_and_of_its_columns(world: World) -> None:
    with world.engine.connect() as connection:
        said = {name: connection.scalar(COMMENT, {"name": name}) for name in SCHEMAS}
        columns = {
            (name, column): comment
            for name in SCHEMAS
            for column, comment in connection.execute(COLUMN_COMMENTS, {"name": name})
        }
    assert {name: comment for name, comment in said.items() if comment} == COMMENTS
    stated = {(name, c.name): c.description for name in SCHEMAS for c in SCHEMAS[name].columns}
    assert {where: stated[where] for where in columns} == columns
    for spec in SPECS.values():
        assert spec.metadata.get("database_comment") == COMMENTS.get(
            spec.metadata.get("dagster/table_name", "")
        )


@pytest.mark.parametrize("spec", by_key(SPECS))
def test_every_asset_says_what_it_is_where_it_comes_from_what_red_means_and_what_to_do(
    spec: AssetSpec,
) -> None:
    what, *others = (spec.description or "").split("\n\n")
    assert what
    assert [words.split("**")[1] for words in others] == ["From", "Red", "Then"]


@pytest.mark.parametrize("spec", by_key(SPECS))
def test_every_asset_names_the_heading_of_the_documents_that_tells_of_it(spec: AssetSpec) -> None:
    page, _, section = spec.metadata["docs"].text.partition("#")
    headings = (ROOT.parent / page).read_text(encoding="utf-8").splitlines()
    assert f"### {section}" in headings


@pytest.mark.parametrize("site", ["https://docs.example.com/sync", "https://docs.example.com/sync/ "])
def test_where_the_documents_are_served_an_asset_links_to_its_page(site: str) -> None:
    link = explained_in("resman_leads", env={"DOMIQ_DOCS_URL": site})["docs"]
    assert link.value == "https://docs.example.com/sync/dagster.html#resman_leads"


@pytest.mark.parametrize("site", ["", "  ", "docs.example.com", "javascript:alert(1)"])
def test_what_is_no_address_of_a_site_is_not_linked_to(site: str) -> None:
    link = explained_in("resman_leads", env={"DOMIQ_DOCS_URL": site})["docs"]
    assert link.value == "docs/dagster.md#resman_leads"


RUNBOOK = (ROOT.parent / "docs" / "runbook.md").read_text(encoding="utf-8")


def rows_under(heading: str) -> set[str]:
    """The names in the first column of the table under a heading of the runbook."""
    section = RUNBOOK.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def test_the_runbook_says_of_every_check_what_it_means_and_what_to_do() -> None:
    assert rows_under("Checks") == {key.name for key in defs.resolve_asset_graph().asset_check_keys}


def test_the_runbook_says_of_every_alert_what_it_means_and_what_to_do() -> None:
    causes = {CREDENTIALS, RESMAN_DOWN, STANDSTILL, CAPTURE_MISSES, NOT_ENTITLED, f"{SHARED}..."}
    assert rows_under("Alerts") == {kind.value for kind in TroubleKind} | causes
