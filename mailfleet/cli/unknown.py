"""`mailfleet unknown`: messages that may have left."""

from __future__ import annotations

import typer

from db import unknown
from db.engine import transaction
from mailfleet.cli.terminal import AsJson, ledger, show

app = typer.Typer(help="Messages that may have left.", no_args_is_help=True)
COLUMNS = ("message", "tenant", "campaign", "receiver", "node", "egress", "kind", "since", "reason")


@app.callback()
def _nouns() -> None:
    """Messages that may have left."""


@app.command("list")
def list_unknown(as_json: AsJson = False) -> None:
    """Every one that no evidence has settled, oldest first. They are never sent again by guess."""
    with transaction(ledger()) as conn:
        found = unknown.listed(conn)
    show("Unknown", COLUMNS, [tuple(vars(one).values()) for one in found], as_json)
