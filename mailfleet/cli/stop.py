"""`mailfleet stop` and `mailfleet unstop`: holds a tenant, campaign, mailbox, domain, egress, node or lead file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from db import clock, stops
from db.engine import transaction
from mailfleet.acts.stops import SCOPES
from mailfleet.acts.stops import stop as hold
from mailfleet.acts.stops import unstop as let_go
from mailfleet.cli.terminal import AsJson, actor, ledger, say, show

COLUMNS = ("scope", "name", "cause", "reason", "by", "since", "until")
Scope = Annotated[str, typer.Argument(metavar="SCOPE", help=f"One of {', '.join(SCOPES)}.")]
Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Its name; a campaign is tenant/slug, an import tenant/file#number."),
]


def register(app: typer.Typer) -> None:
    """Three commands at the top: nobody looks for them in a hurry."""
    app.command()(stop)
    app.command()(unstop)
    app.command("stops")(list_stops)


def stop(
    scope: Scope,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks later.")],
    until: Annotated[
        datetime | None, typer.Option(help="When it ends by itself, in UTC; without it: when you say so.")
    ] = None,
) -> None:
    """Nothing of it begins any more; what a node still has in its queue is pulled out."""
    with transaction(ledger()) as conn:
        done = hold(
            conn,
            scope,
            name,
            reason=reason,
            actor=actor(),
            until=until.replace(tzinfo=UTC) if until else None,
        )
    say(f"Stopped: {scope} {name}" if done else f"{scope} {name} was stopped by an operator already")


def unstop(scope: Scope, name: Name) -> None:
    """Nothing holds it any more, neither an operator's stop nor a breaker's."""
    with transaction(ledger()) as conn:
        causes = let_go(conn, scope, name, actor=actor())
    say(f"Let go: {scope} {name}, held by {', '.join(causes)}" if causes else f"Nothing held {scope} {name}")


def list_stops(as_json: AsJson = False) -> None:
    """Everything that is held, by whom and why."""
    with transaction(ledger()) as conn:
        found = stops.listed(conn, now=clock.now(conn))
    rows = [(one.scope, one.name, one.cause, one.reason, one.actor, one.since, one.until) for one in found]
    show("Stops", COLUMNS, rows, as_json)
