"""Makes a database the ledger: roles, schema, revisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from db.engine import DatabaseRefused

HERE = Path(__file__).parent / "migrations"
LOCK_NOT_AVAILABLE = "55P03"
GROUPS = ("owner", "control", "tenant", "web", "nodes")


@dataclass(frozen=True)
class Roles:
    """The cluster-wide role names of one installation."""

    prefix: str

    def name(self, group: str) -> str:
        """The role of a group, e.g. `mailfleet_control`."""
        return f"{self.prefix}_{group}"

    def node(self, name: str) -> str:
        """The login role of one node."""
        return f"{self.prefix}_node_{name.replace('-', '_')}"

    def fill(self, statements: str) -> str:
        """SQL with `@group@` replaced by quoted role names."""
        for group in GROUPS:
            statements = statements.replace(f"@{group}@", f'"{self.name(group)}"')
        return statements


def create_roles(conn: Connection, roles: Roles, passwords: dict[str, str]) -> None:
    """The roles, as someone who may create them; existing ones get the password. `nodes` is a group without login."""
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('mailfleet roles'))"))
    for group in GROUPS:
        _role(conn, roles.name(group), None if group == "nodes" else passwords[group])


def create_node_role(conn: Connection, roles: Roles, node: str, password: str) -> None:
    """A node's own login, a member of the group that the policies name."""
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('mailfleet roles'))"))
    _role(conn, roles.node(node), password)
    conn.exec_driver_sql(f'GRANT "{roles.name("nodes")}" TO "{roles.node(node)}"')


def _role(conn: Connection, name: str, password: str | None) -> None:
    known = conn.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}).first()
    verb = "ALTER" if known else "CREATE"
    login = "NOLOGIN" if password is None else f"LOGIN PASSWORD {sql.quote(password)}"
    conn.exec_driver_sql(f'{verb} ROLE "{name}" {login}'.replace("%", "%%"))


def migrate(engine: Engine, roles: Roles, *, demo_starts_at: datetime | None = None) -> None:
    """Brings the database to the newest revision, as its owner. A new one gets its clock: a demo's, or the wall's.

    Raises DatabaseRefused where somebody holds a table for longer than the revision may wait.
    """
    try:
        _upgrade(engine, roles, demo_starts_at)
    except OperationalError as problem:
        if getattr(problem.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        raise DatabaseRefused(
            "the ledger is in use and nothing was changed: pause the workers, then migrate again"
        ) from None


def _upgrade(engine: Engine, roles: Roles, demo_starts_at: datetime | None) -> None:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    with engine.begin() as conn:
        conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('mailfleet migrate'))"))
        conn.execute(text("SET LOCAL lock_timeout = '4s'"))
        config.attributes.update(connection=conn, roles=roles)
        command.upgrade(config, "head")
        conn.execute(text("SELECT mailfleet.ensure_months(3)"))
        conn.execute(
            text("""
            INSERT INTO mailfleet.clock (demo, business_at, wall_at)
            SELECT CAST(:at AS timestamptz) IS NOT NULL, CAST(:at AS timestamptz),
                   CASE WHEN CAST(:at AS timestamptz) IS NOT NULL THEN clock_timestamp() END
            ON CONFLICT DO NOTHING
        """),
            {"at": demo_starts_at},
        )


def revision(conn: Connection) -> str | None:
    """The revision the database is at; None while it holds no ledger."""
    if conn.execute(text("SELECT to_regclass('mailfleet.alembic_version')")).scalar() is None:
        return None
    return conn.execute(text("SELECT version_num FROM mailfleet.alembic_version")).scalar()
