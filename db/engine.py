"""One synchronous engine per process, and the only way to open a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

__all__ = [
    "Connection", "DatabaseRefused", "Engine", "IntegrityError", "SQLAlchemyError", "open_engine", "open_owner", "plain_engine",
    "transaction",
]  # fmt: skip

MINIMUM = 150000
POOL = 4
WRONG_URL = "the database's URL is wrong (postgresql://user:password@host:port/name)"
OPTIONS = "-c timezone=UTC -c search_path=mailfleet"


class DatabaseRefused(Exception):
    """The database cannot be used; the text says why and what to do."""


def open_engine(url: str) -> Engine:
    """An engine on a `postgresql://` URL. Raises DatabaseRefused for a server that is unreachable, older than
    15, Prefect's own, not migrated, or reached with a role for which row-level security would be empty.
    """
    return _checked(plain_engine(url), _refuse)


def open_owner(url: str) -> Engine:
    """An engine for migrations: the same refusals, but those that a migration is there to end."""
    return _checked(plain_engine(url), _refuse_stranger)


def _checked(engine: Engine, refuse: Callable[[Connection], None]) -> Engine:
    try:
        with engine.connect() as conn:
            refuse(conn)
    except OperationalError as problem:
        raise DatabaseRefused(f"database unreachable: {_first_line(problem)}") from None
    except ProgrammingError as problem:
        if getattr(problem.orig, "sqlstate", None):
            raise
        raise DatabaseRefused(f"{WRONG_URL}: {_first_line(problem)}") from None  # libpq's own no
    return engine


def plain_engine(url: str) -> Engine:
    """An engine that checks nothing: for migrations and for making databases. Raises DatabaseRefused for no URL."""
    try:
        engine = _engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    except (ArgumentError, ValueError):  # their texts show the URL, and with it the password
        raise DatabaseRefused(f"{WRONG_URL}: host and port cannot be read") from None
    event.listen(engine, "handle_error", _never_show_values)
    return engine


def _engine(url: str) -> Engine:
    return create_engine(
        url,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=60,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "application_name": "mailfleet", "options": OPTIONS},
    )


def _never_show_values(context: object) -> None:
    """SQL errors carry addresses in their parameters, and the server's DETAIL the whole row: neither may reach
    a log (law 13). The first line names the table and the constraint, and nobody.
    """
    original = getattr(context, "sqlalchemy_exception", None)
    if isinstance(original, DBAPIError) and original.orig is not None:
        original.hide_parameters = True
        original.orig.args = (_first_line(original),)
        original.args = (f"({type(original.orig).__name__}) {original.orig}",)


@contextmanager
def transaction(engine: Engine, *, tenant: int | None = None) -> Iterator[Connection]:
    """A transaction; of one tenant's session where `tenant` is given. Raises DatabaseRefused when the line is lost."""
    try:
        with engine.begin() as conn:
            if tenant is not None:
                conn.execute(
                    text("SELECT set_config('mailfleet.tenant', :tenant, true)"), {"tenant": str(tenant)}
                )
            yield conn
    except OperationalError as problem:
        if getattr(problem.orig, "sqlstate", None) and not problem.connection_invalidated:
            raise
        raise DatabaseRefused(f"database unreachable: {_first_line(problem)}") from None


def _refuse_server(conn: Connection) -> None:
    version = conn.execute(text("SELECT current_setting('server_version_num')::int")).scalar_one()
    if version < MINIMUM:
        raise DatabaseRefused(f"PostgreSQL {version // 10000} is too old: 15 or newer is needed")
    if conn.execute(text("SELECT to_regclass('public.flow_run')")).scalar() is not None:
        raise DatabaseRefused("this is Prefect's own database: give Mailfleet one of its own")


def _refuse_stranger(conn: Connection) -> None:
    _refuse_server(conn)
    may = "SELECT has_database_privilege(current_user, current_database(), 'CREATE')"
    if not conn.execute(text(may)).scalar_one():
        raise DatabaseRefused(
            "this role may not create tables in this database: name its owner in DATABASE_OWNER_URL"
        )


def _refuse(conn: Connection) -> None:
    _refuse_server(conn)
    if conn.execute(text("SELECT to_regclass('mailfleet.messages')")).scalar() is None:
        raise DatabaseRefused("this database has no ledger: run `mailfleet migrate`")
    role = conn.execute(
        text("""
        SELECT rolsuper OR rolbypassrls AS unbound,
               EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = 'mailfleet' AND pg_has_role(c.relowner, 'USAGE')) AS owner
          FROM pg_roles WHERE rolname = current_user
    """)
    ).one()
    if role.unbound or role.owner:
        raise DatabaseRefused(
            "this role is superuser, BYPASSRLS or the tables' owner: policies would not bind it; "
            "use the role that `mailfleet migrate` made"
        )


def _first_line(problem: DBAPIError) -> str:
    return (str(problem.orig).strip().splitlines() or [""])[0]
