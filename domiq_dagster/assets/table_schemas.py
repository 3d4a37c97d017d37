"""The columns of the tables behind the assets, each with what it holds, for the catalogue: as the files of
`sql/` that comment on them say it, since the definitions load where there is no database.
"""

import dagster as dg

from domiq_dagster.db.comments import Table, described_tables

_COMMENTED_BY_THE_DESIGN = {
    "public.status_sync_log",
    "public.status_workflow_rules",
    "public.status_notification_preferences",
}


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table or view as Dagster shows them."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.type,
                column.words,
                constraints=dg.TableColumnConstraints(nullable=not column.required),
            )
            for column in table.columns
        ]
    )


SCHEMAS = {name: column_schema(table) for name, table in described_tables().items()}
"""By name with schema."""

COMMENTS = {
    name: table.words
    for name, table in described_tables().items()
    if name.startswith("domiq_sync.") or name in _COMMENTED_BY_THE_DESIGN
}
"""What the database itself says of these tables (COMMENT ON), by name with schema. Of DomIQ's own it says
nothing, and of the design's view."""
