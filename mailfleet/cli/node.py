"""`mailfleet node`: what runs on a sending node, under that node's own role."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from db.engine import Engine, open_engine
from mailfleet.acts.read_node import read_node
from mailfleet.acts.refused import Refused
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
    log = found.path("postfix_log")
    if not log.is_file():
        raise Refused(f"there is no log {log}: correct POSTFIX_LOG, or let Postfix write it (maillog_file)")
    counts = read_node(
        engine,
        keys(),
        node=str(found.need("node_name")),
        log=log,
        postqueue=found.postfix_bin_dir / "postqueue",
        config_dir=found.postfix_config_dir,
    )
    say(", ".join(f"{name} {count}" for name, count in _in_words(counts).items()))


def _in_words(counts: dict[str, int]) -> dict[str, object]:
    """A Postfix that does not answer says nothing of its queue: that is not an empty one."""
    return dict(counts) if "queued" in counts else {**counts, "queue": "unknown: postqueue does not answer"}
