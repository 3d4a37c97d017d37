"""Alembic's entry: runs the revisions on the connection that `migrate` hands over, or prints them."""

from alembic import context

VERSION_SCHEMA = "domiq_sync"

if context.is_offline_mode():
    context.configure(
        dialect_name="postgresql",
        as_sql=True,
        version_table_schema=VERSION_SCHEMA,
        output_buffer=context.config.output_buffer,
        transactional_ddl=False,
    )
    context.run_migrations()
else:
    context.configure(
        connection=context.config.attributes["connection"],
        version_table_schema=VERSION_SCHEMA,
        transaction_per_migration=False,
    )
    context.run_migrations()
