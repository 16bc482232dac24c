"""`mailfleet up` starts the servers of one machine on the wall clock and leaves them running; `down` ends them."""

from __future__ import annotations

import shlex

import typer

from mailfleet.cli.terminal import refuse, say, settings
from mailfleet.stack import machine, places, supervised
from mailfleet.stack.steps import Steps


def register(app: typer.Typer) -> None:
    """Both are commands of their own."""
    app.command()(up)
    app.command()(down)


def up() -> None:
    """Start PostgreSQL, Prefect, workers and the web service of this clone, and leave them running."""
    told = settings()
    with supervised.supervised() as stack:
        running = machine.start(stack, Steps(), web_host=told.web_host, web_port=told.web_port)
        stack.keep()
    say(f"Prefect's UI is {running.server.ui}")
    say(f"use it in a shell: set -a; . {shlex.quote(str(running.settings))}; set +a")
    say(f"stop it: {places.command('down')}")


def down() -> None:
    """End what `up` or `demo --keep` left running."""
    if not supervised.down():
        refuse(f"nothing of this clone is running; start it with `{places.command('up')}`")
    say("everything has ended")
