"""`mailfleet states`: the life of a message, drawn from its table."""

from __future__ import annotations

import typer

from mailfleet.policy.lifecycle_drawing import draw


def register(app: typer.Typer) -> None:
    """The command is one of the top level."""
    app.command("states")(states)


def states() -> None:
    """Print the life of a message as docs/states.md shows it: every state, every event, every reason."""
    typer.echo(draw(), nl=False)
