"""Reads a revision's SQL and runs it with this installation's role names."""

from __future__ import annotations

from pathlib import Path

from alembic import context, op

SQL = Path(__file__).parent / "sql"


def run(name: str) -> None:
    """Every statement of sql/NAME.sql, in one round trip."""
    statements = context.config.attributes["roles"].fill((SQL / f"{name}.sql").read_text())
    op.get_bind().connection.cursor().execute(statements)
