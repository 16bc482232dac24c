"""Questions to the catalog, and statements that may be refused."""

from __future__ import annotations

from typing import Any

from psycopg import errors
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from db.engine import Connection, plain_engine, transaction
from tests.conftest import Ledger

SHARED = {"alembic_version"}


def tables(conn: Connection) -> list[str]:
    """Every table of the ledger; partitions apart."""
    return _names(conn, "relkind IN ('r', 'p') AND NOT relispartition")


def partitions(conn: Connection) -> list[str]:
    """Every partition."""
    return _names(conn, "relispartition AND relkind = 'r'")


def _names(conn: Connection, condition: str) -> list[str]:
    rows = conn.execute(text(f"""
        SELECT relname FROM pg_class WHERE relnamespace = 'mailfleet'::regnamespace AND {condition} ORDER BY relname
    """))  # fmt: skip
    return [name for name in rows.scalars() if name not in SHARED]


def columns(conn: Connection, table: str) -> list[str]:
    """The columns of a table."""
    rows = conn.execute(text("""
        SELECT attname FROM pg_attribute WHERE attrelid = ('mailfleet.' || :table)::regclass AND attnum > 0 AND NOT attisdropped
    """), {"table": table})  # fmt: skip
    return list(rows.scalars())


def writable(conn: Connection, table: str) -> list[str]:
    """The columns that a statement may set, if somebody let it."""
    rows = conn.execute(text("""
        SELECT attname FROM pg_attribute
         WHERE attrelid = ('mailfleet.' || :table)::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''
    """), {"table": table})  # fmt: skip
    return list(rows.scalars())


def owner(ledger: Ledger) -> Engine:
    """The owner, whom policies do not bind: for the catalog and for harm."""
    return plain_engine(ledger.url("owner"))


def ask(
    engine: Engine, statement: str, values: dict[str, Any] | None = None, *, tenant: int | None = None
) -> Any:
    """What the statement did, as one of: 'denied', its first value, or how many rows it touched."""
    try:
        with transaction(engine, tenant=tenant) as conn:
            done = conn.execute(text(statement), values or {})
            return done.scalar() if done.returns_rows else done.rowcount
    except DBAPIError as problem:
        if isinstance(problem.orig, errors.InsufficientPrivilege):
            return "denied"
        raise
