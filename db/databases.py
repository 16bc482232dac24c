"""Databases and roles of a cluster of our own, made by its superuser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql
from sqlalchemy import Connection, text

from db.engine import plain_engine


@contextmanager
def superuser(url: str) -> Iterator[Connection]:
    """A connection outside of transactions, as CREATE DATABASE asks."""
    engine = plain_engine(url)
    try:
        with engine.connect() as conn:
            yield conn.execution_options(isolation_level="AUTOCOMMIT")
    finally:
        engine.dispose()


def ensure_role(conn: Connection, name: str, password: str) -> None:
    """A login role with this password, made or changed."""
    known = conn.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}).first()
    verb = "ALTER" if known else "CREATE"
    statement = sql.SQL(f"{verb} ROLE {{}} LOGIN PASSWORD {{}}")
    _run(conn, statement.format(sql.Identifier(name), sql.Literal(password)))


def ensure_database(conn: Connection, name: str, owner: str) -> bool:
    """A database of this owner that nobody else may enter; False where it was there already."""
    if exists(conn, name):
        return False
    _run(conn, sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
    _run(conn, sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    return True


def let_in(conn: Connection, database: str, role: str) -> None:
    """The role may enter the database, and stage rows in temporary tables: COPY into a walled table is refused."""
    statement = sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}")
    _run(conn, statement.format(sql.Identifier(database), sql.Identifier(role)))


def exists(conn: Connection, name: str) -> bool:
    """Whether there is a database of this name."""
    return (
        conn.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}).first()
        is not None
    )


def drop_database(conn: Connection, name: str) -> None:
    """The database is gone, with the sessions in it."""
    _run(conn, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def names(conn: Connection, prefix: str) -> list[str]:
    """The databases whose name begins so, in order."""
    found = conn.execute(
        text("SELECT datname FROM pg_database WHERE starts_with(datname, :prefix) ORDER BY datname"),
        {"prefix": prefix},
    )
    return [str(name) for name in found.scalars()]


def _run(conn: Connection, statement: sql.Composable) -> None:
    conn.exec_driver_sql(statement.as_string(None).replace("%", "%%"))
