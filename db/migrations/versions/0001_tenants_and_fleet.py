"""Tenants and fleet; the statements stand in sql/0001_tenants_and_fleet.sql."""

from db.migrations.statements import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    run("0001_tenants_and_fleet")
