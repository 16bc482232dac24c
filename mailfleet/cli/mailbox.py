"""`mailfleet mailbox`: the mailboxes we send from, their limits and their pauses."""

from __future__ import annotations

from typing import Annotated

import typer

from db import clock, fleet
from db.engine import transaction
from mailfleet.acts.fleet import add_mailbox, add_routes, set_limits
from mailfleet.acts.fleet_words import NewMailbox, accepted
from mailfleet.acts.refused import Refused
from mailfleet.acts.stops import stop, unstop
from mailfleet.acts.tenants import known
from mailfleet.cli.terminal import AsJson, actor, ledger, say, show

app = typer.Typer(help="The mailboxes we send from.", no_args_is_help=True)
COLUMNS = (
    "tenant",
    "direction",
    "address",
    "display_name",
    "daily_limit",
    "hourly_limit",
    "used",
    "routes",
    "stopped",
)
MOST = 1_000_000
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The mailbox's own address.")]


@app.command("list")
def list_mailboxes(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None, as_json: AsJson = False
) -> None:
    """Limits, what left in the last 24 hours, ways out, and what stops each."""
    with transaction(ledger()) as conn:
        if tenant:
            known(conn, tenant)
        found = fleet.mailboxes(conn, tenant=tenant, now=clock.now(conn))
    rows = [tuple(_cell(getattr(mailbox, name), as_json) for name in COLUMNS) for mailbox in found]
    show("Mailboxes", COLUMNS, rows, as_json)


def _cell(value: object, as_json: bool) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) and not as_json else value


@app.command()
def add(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's slug.")],
    direction: Annotated[str, typer.Argument(metavar="DIRECTION", help="The direction's slug.")],
    address: Address,
    name: Annotated[str, typer.Option(help="As recipients see it.")],
    egress: Annotated[list[str], typer.Option(help="A way out; again for its fallbacks, in order.")],
    daily: Annotated[int, typer.Option(help="Messages a day.")] = 50,
    hourly: Annotated[int, typer.Option(help="Messages an hour.")] = 10,
) -> None:
    """Adds a mailbox with its ways out; its domain must be a sending domain of the tenant."""
    values = {"address": address, "display_name": name, "daily_limit": daily, "hourly_limit": hourly}
    new = accepted(NewMailbox, values, "mailbox")
    with transaction(ledger()) as conn:
        add_mailbox(conn, tenant, direction, new, actor=actor())
        add_routes(conn, address, egress, actor=actor())
    say(f"Mailbox {address} is there")


@app.command()
def limits(
    address: Address,
    daily: Annotated[int | None, typer.Option(min=0, max=MOST, help="Messages a day.")] = None,
    hourly: Annotated[int | None, typer.Option(min=0, max=MOST, help="Messages an hour.")] = None,
) -> None:
    """Sets how much a mailbox may send, from the next claim on."""
    if daily is None and hourly is None:
        raise Refused("nothing to set: say --daily, --hourly or both")
    with transaction(ledger()) as conn:
        new = set_limits(conn, address, daily=daily, hourly=hourly, actor=actor())
    say(f"{address} may send {new.daily} a day and {new.hourly} an hour")


@app.command()
def pause(
    address: Address, reason: Annotated[str, typer.Option(help="Why, for those who ask later.")] = "paused"
) -> None:
    """Nothing leaves this mailbox any more; what waits is held, visibly."""
    with transaction(ledger()) as conn:
        done = stop(conn, "mailbox", address, reason=reason, actor=actor())
    say(f"{address} is paused" if done else f"{address} was paused already")


@app.command()
def resume(address: Address) -> None:
    """Lets the mailbox send again, whoever held it."""
    with transaction(ledger()) as conn:
        causes = unstop(conn, "mailbox", address, actor=actor())
    say(
        f"{address} may send again; it was held by: {', '.join(causes)}"
        if causes
        else f"Nothing held {address}"
    )
