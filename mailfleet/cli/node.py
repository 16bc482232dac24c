"""`mailfleet node`: what runs on a sending node, under that node's own role."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from db.engine import Engine, open_engine
from mailfleet.acts.read_node import read_node
from mailfleet.cli.terminal import keys, say, settings

app = typer.Typer(help="What runs on a sending node.", no_args_is_help=True)


@app.callback()
def _nouns() -> None:
    """What runs on a sending node."""


@app.command()
def log(
    follow: Annotated[bool, typer.Option("--follow", help="Go on until interrupted.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks, with --follow.")] = 10,
) -> None:
    """Stores what this node's Postfix has done, looks into its queue, and pulls out what must not leave."""
    engine, never = open_engine(settings().url("database_node_url")), threading.Event()
    _look(engine)
    while follow and not never.wait(every):
        _look(engine)


def _look(engine: Engine) -> None:
    found = settings()
    counts = read_node(
        engine,
        keys(),
        node=str(found.need("node_name")),
        log=found.path("postfix_log"),
        postqueue=found.postfix_bin_dir / "postqueue",
        config_dir=found.postfix_config_dir,
    )
    say(", ".join(f"{name} {count}" for name, count in counts.items()))
