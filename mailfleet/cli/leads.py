"""`mailfleet leads`: people enter by lead files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mailfleet.cli.terminal import AsJson, actor, dump, keys, ledger, say, settings, show

app = typer.Typer(help="People we may write to.", no_args_is_help=True)


@app.callback()
def leads() -> None:
    """A noun of its own, with one verb so far."""


@app.command()
def take(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A table of text: CSV or TSV, as a spreadsheet saves it.")
    ],
    tenant: Annotated[str, typer.Option(help="The tenant's slug.")],
    direction: Annotated[str | None, typer.Option(help="The direction of rows that name none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Takes a lead file in, whole or not at all; says how many rows were refused, and why."""
    from mailfleet.acts.take_leads import (
        take_leads,  # pandas takes half a second: no other command pays for it
    )

    given = settings()
    taken = take_leads(
        ledger(), keys(), file=file, tenant=tenant, direction=direction, actor=actor(), servers=given.dns_servers,
        regions=given.data_regions, well_known=given.well_known_domains,
    )  # fmt: skip
    if as_json:
        dump(asdict(taken))
        return
    say(f"{file.name}: {taken.rows} rows, {taken.accepted} accepted ({taken.known} known already), "
        f"{taken.rows - taken.accepted} refused")  # fmt: skip
    show("Refused", ("reason", "rows"), list(taken.refused.items()))
    show("Accepted but doubtful", ("flag", "rows"), list(taken.flagged.items()))
