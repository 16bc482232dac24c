"""`mailfleet ledger`: whether this ledger may send, after a restore from a backup."""

from __future__ import annotations

from typing import Annotated

import typer

from db import audit, counts, epoch
from db.engine import transaction
from mailfleet.acts.refused import Refused
from mailfleet.cli.terminal import AsJson, actor, dump, ledger, say

app = typer.Typer(help="Whether this ledger may send.", no_args_is_help=True)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Its epoch, whether it is open or holds everything, since when and why."""
    with transaction(ledger()) as conn:
        found = counts.standing(conn)
    shown = {
        "epoch": found.epoch,
        "state": found.epoch_state,
        "since": found.epoch_since,
        "reason": found.epoch_reason,
    }
    if as_json:
        dump(shown)
    else:
        say(f"Epoch {found.epoch} is {found.epoch_state} since {found.epoch_since}: {found.epoch_reason}")


@app.command()
def reopen(reason: Annotated[str, typer.Option(help="What was reconciled, for the audit.")]) -> None:
    """Lets a holding ledger send again, in a new epoch.

    A ledger restored from a backup does not know what nodes sent since: reopen it when `mailfleet unknown list`
    is settled and every node's log was read past the restore.
    """
    with transaction(ledger()) as conn:
        opened = epoch.reopen(conn, reason)
        if opened is None:
            raise Refused("the ledger is open: there is nothing to reopen")
        details = {"epoch": opened.epoch, "reason": reason}
        audit.append(conn, actor=actor(), act="ledger reopened", subject="ledger", details=details)
    say(f"The ledger is open, in epoch {opened.epoch}")
