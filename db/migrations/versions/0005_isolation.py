"""Isolation; the statements stand in sql/0005_isolation.sql."""

from db.migrations.statements import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run("0005_isolation")
