"""`mailfleet migrate`: makes a database the ledger, or brings it to the newest revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from db import roles as cluster
from db.engine import Engine, open_owner, transaction
from db.migrate import Roles, migrate, revision
from mailfleet.acts import installation
from mailfleet.cli.terminal import actor, refuse, say, settings
from mailfleet.settings import Settings

URLS = ("database_url", "database_tenant_url", "database_web_url", "database_node_url")


def register(app: typer.Typer) -> None:
    """`mailfleet migrate`."""
    app.command("migrate")(run)


def run(
    only_print: Annotated[
        bool, typer.Option("--print-roles", help="Print the missing roles' statements, do nothing.")
    ] = False,
) -> None:
    """Makes the roles and tables, or brings them to the newest revision. Needs DATABASE_OWNER_URL.

    Where its role may not create roles, the statements are printed for someone who may, and nothing is done.
    New roles get the passwords that the other DATABASE_…_URLs name.
    """
    found, who = settings(), actor()
    engine = open_owner(found.url("database_owner_url"))
    roles = Roles(found.role_prefix)
    without_password = _ensure_roles(engine, roles, _passwords(found), only_print)
    with transaction(engine) as conn:
        before = revision(conn)
    migrate(engine, roles)
    with transaction(engine) as conn:
        cluster.let_in(conn, roles)
        after = revision(conn)
        installation.migrated(conn, before, after, actor=who)
    say(
        f"The ledger is at revision {after}"
        + (f", it was at {before}" if before not in (None, after) else "")
    )
    for name in without_password:
        say(f"Role {name} has no password yet: ALTER ROLE \"{name}\" PASSWORD '…'")


def _ensure_roles(engine: Engine, roles: Roles, passwords: dict[str, str], only_print: bool) -> list[str]:
    """The names of new roles that cannot log in yet. Refuses where roles are missing and cannot be made."""
    with transaction(engine) as conn:
        missing = cluster.missing(conn, roles)
        may = cluster.may_create(conn)
        if missing and may and not only_print:
            cluster.create(conn, missing, passwords)
    if only_print or (missing and not may):
        _print(missing, only_print)
    return [role.name for role in missing if role.login and role.name not in passwords]


def _print(missing: Sequence[cluster.Role], only_print: bool) -> None:
    for role in missing:
        for statement in role.statements("choose a password" if role.login else None):
            say(f"{statement};")
    if only_print:
        raise typer.Exit
    refuse(
        f"{len(missing)} roles are missing and DATABASE_OWNER_URL may not create them: run these statements as one who may"
    )


def _passwords(found: Settings) -> dict[str, str]:
    parts = [urlsplit(url) for name in URLS if (url := getattr(found, name))]
    return {
        unquote(part.username): unquote(part.password) for part in parts if part.username and part.password
    }
