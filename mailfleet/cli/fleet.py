"""`mailfleet fleet`: tenants, domains, mailboxes, nodes and egresses from one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from db.engine import transaction
from db.migrate import Roles
from mailfleet.acts.new_fleet import add_fleet, read_new_fleet
from mailfleet.cli.terminal import actor, keys, ledger, say, settings

app = typer.Typer(help="A whole fleet from one file.", no_args_is_help=True)


@app.callback()
def _nouns() -> None:
    """A whole fleet from one file."""


@app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML, as described in docs/commands.md.")],
) -> None:
    """Adds all that the file names, or nothing. Then `mailfleet migrate` makes the new nodes' logins."""
    new = read_new_fleet(file)
    with transaction(ledger()) as conn:
        add_fleet(conn, keys(), Roles(settings().role_prefix), new, actor=actor())
    say(f"Added: {len(new.tenants)} tenants, {len(new.nodes)} nodes, {len(new.egresses)} egresses")
