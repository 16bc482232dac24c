"""`mailfleet campaign`: what is written to whom, in which versions, and how far it got."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from db import campaigns, clock
from db.engine import transaction
from mailfleet.acts.campaigns import approve, create, found
from mailfleet.acts.stops import stop, unstop
from mailfleet.cli.terminal import AsJson, actor, ledger, say, show

app = typer.Typer(help="What is written to whom.", no_args_is_help=True)
COLUMNS = (
    "campaign",
    "direction",
    "approved",
    "newest",
    "ends_at",
    "stopped",
    "leads",
    "enrolled",
    "active",
    "messages",
)
Name = Annotated[str, typer.Argument(metavar="TENANT/CAMPAIGN", help="As `campaign status` shows it.")]


@app.command("create")
def create_campaign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The campaign, as YAML.")],
) -> None:
    """Makes a campaign of a file, or a new version of it; nothing is sent before it is approved."""
    made = create(ledger(), file, actor())
    say(f"{made.name} version {made.version} is {'made' if made.new else 'there already'}: "
        f"read it and run `mailfleet campaign approve {made.name}`")  # fmt: skip


@app.command("approve")
def approve_campaign(name: Name) -> None:
    """The newest version sends from the next plan on."""
    made = approve(ledger(), name, actor())
    say(f"{name} version {made.version} {'is approved' if made.new else 'was approved already'}")


@app.command()
def pause(
    name: Name, reason: Annotated[str, typer.Option(help="Why, for those who ask later.")] = "paused"
) -> None:
    """Nothing of this campaign leaves any more; what waits is held, visibly."""
    with transaction(ledger()) as conn:
        done = stop(conn, "campaign", name, reason=reason, actor=actor())
    say(f"{name} is paused" if done else f"{name} was paused already")


@app.command()
def resume(name: Name) -> None:
    """Lets the campaign go on, whoever held it."""
    with transaction(ledger()) as conn:
        causes = unstop(conn, "campaign", name, actor=actor())
    say(f"{name} goes on; it was held by: {', '.join(causes)}" if causes else f"Nothing held {name}")


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="[TENANT/CAMPAIGN]", help="Only this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every campaign: its versions, what stops it, its people, and its messages by state."""
    with transaction(ledger()) as conn:
        if name:
            found(conn, name)
        rows = campaigns.listed(conn, [name] if name else [], now=clock.now(conn))
    show(
        "Campaigns",
        COLUMNS,
        [tuple(_cell(getattr(row, column), as_json) for column in COLUMNS) for row in rows],
        as_json,
    )


def _cell(value: object, as_json: bool) -> object:
    if isinstance(value, dict) and not as_json:
        return ", ".join(f"{count} {state}" for state, count in sorted(value.items()))
    return value
