"""`mailfleet status`: how things stand, on one screen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

import typer

from db import counts
from db.counts import Incident, MessageCount, Node, Standing, Stop
from db.engine import transaction
from mailfleet.cli.terminal import AsJson, dump, ledger, say, show
from mailfleet.policy.lifecycle import State


@dataclass(frozen=True)
class Status:
    """All of it, read in one transaction."""

    ledger: Standing
    messages: list[MessageCount]
    nodes: list[Node]
    stops: list[Stop]
    incidents: list[Incident]


def register(app: typer.Typer) -> None:
    """`mailfleet status`."""
    app.command("status")(run)


def run(as_json: AsJson = False) -> None:
    """What is planned, held and unknown, which nodes are alive, what is stopped and why."""
    with transaction(ledger()) as conn:
        found = Status(
            counts.standing(conn),
            counts.messages(conn),
            counts.nodes(conn),
            counts.stops(conn),
            counts.incidents(conn),
        )
    if as_json:
        dump(asdict(found))
    else:
        _tables(found)


def _tables(found: Status) -> None:
    say(_sentence(found.ledger))
    columns, rows = _by_campaign(found.messages)
    show("Campaigns", columns, rows)
    show("Nodes", *_table(Node, found.nodes))
    show("Stops", *_table(Stop, found.stops))
    show("Incidents", *_table(Incident, found.incidents))


def _sentence(ledger: Standing) -> str:
    clock = "a demo's clock" if ledger.demo else "the wall clock"
    held = (
        ""
        if ledger.epoch_state == "open"
        else f" EVERYTHING IS HELD since {ledger.epoch_since}: {ledger.epoch_reason}."
    )
    return (
        f"Business time {ledger.business_time:%Y-%m-%d %H:%M} UTC ({clock}), ledger epoch {ledger.epoch}.{held} "
        f"Waiting: {ledger.inbox_waiting} in the inbox, {ledger.alerts_waiting} alerts; "
        f"{ledger.not_understood} not understood."
    )


def _by_campaign(found: Iterable[MessageCount]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """A row a campaign, a column for each state that occurs, in the order of a message's life."""
    by_campaign: dict[str, Counter[str]] = defaultdict(Counter)
    for row in found:
        by_campaign[f"{row.tenant}/{row.campaign or '-'}"][row.state] += row.messages
    states = [state.value for state in State if any(counted[state] for counted in by_campaign.values())]
    return ["campaign", *states], [
        (name, *(counted[state] for state in states)) for name, counted in by_campaign.items()
    ]


def _table(kind: type[Any], rows: Iterable[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    return [field.name for field in fields(kind)], [astuple(row) for row in rows]
