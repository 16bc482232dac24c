"""The cluster's roles that the policies name: which are missing, and the statements that make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection, text

from db.migrate import GROUPS, Roles


@dataclass(frozen=True)
class Role:
    """A role that should be there. A node's login is a member of the nodes' group, which itself never logs in."""

    name: str
    login: bool
    member_of: str | None = None

    def statements(self, password: str | None) -> list[str]:
        """What makes it; without a password it cannot log in yet."""
        name = sql.Identifier(self.name)
        login = sql.SQL("LOGIN" if self.login else "NOLOGIN")
        secret = (
            sql.SQL(" PASSWORD {}").format(sql.Literal(password)) if password and self.login else sql.SQL("")
        )
        made = [sql.SQL("CREATE ROLE {} {}{}").format(name, login, secret)]
        if self.member_of:
            made.append(sql.SQL("GRANT {} TO {}").format(sql.Identifier(self.member_of), name))
        return [statement.as_string(None) for statement in made]


def missing(conn: Connection, roles: Roles) -> list[Role]:
    """The roles of this installation that the cluster does not have yet, those of the nodes included."""
    known = set(conn.execute(text("SELECT rolname FROM pg_roles")).scalars())
    return [role for role in _wanted(conn, roles) if role.name not in known]


def may_create(conn: Connection) -> bool:
    """Whether this session may make roles."""
    allowed: bool = conn.execute(
        text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    ).scalar_one()
    return allowed


def create(conn: Connection, wanted: Iterable[Role], passwords: Mapping[str, str]) -> None:
    """They are there, with the passwords given by role name; one without a password cannot log in yet."""
    for role in wanted:
        for statement in role.statements(passwords.get(role.name)):
            conn.exec_driver_sql(statement.replace("%", "%%"))


def let_in(conn: Connection, roles: Roles) -> None:
    """Each role may connect to this database, also where the public may not."""
    database = conn.execute(text("SELECT current_database()")).scalar_one()
    for group in GROUPS:
        grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        statement = grant.format(sql.Identifier(database), sql.Identifier(roles.name(group)))
        conn.exec_driver_sql(statement.as_string(None).replace("%", "%%"))


def _wanted(conn: Connection, roles: Roles) -> list[Role]:
    groups = [Role(roles.name(group), group != "nodes") for group in GROUPS]
    if conn.execute(text("SELECT to_regclass('mailfleet.nodes')")).scalar() is None:
        return groups
    nodes = conn.execute(text("SELECT role_name FROM mailfleet.nodes ORDER BY name")).scalars()
    return groups + [Role(name, True, roles.name("nodes")) for name in nodes]
