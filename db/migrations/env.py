"""Runs the revisions on the connection that `db.migrate` opened."""

from alembic import context

connection = context.config.attributes["connection"]
connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS mailfleet")
context.configure(connection=connection, version_table="alembic_version", version_table_schema="mailfleet")
with context.begin_transaction():
    context.run_migrations()
