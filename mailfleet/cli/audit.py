"""`mailfleet audit`: what operators did, and whether the chain of its hashes holds."""

from __future__ import annotations

from typing import Annotated

import typer

from db import audit
from db.engine import transaction
from mailfleet.acts.refused import Refused
from mailfleet.cli.terminal import DIFFERS, AsJson, dump, ledger, say, show

app = typer.Typer(help="What operators did, in a chain of hashes.", no_args_is_help=True)
COLUMNS = ("seq", "at", "actor", "act", "subject", "details")


@app.command("list")
def list_acts(
    subject: Annotated[str | None, typer.Option(help="Only acts on this, e.g. 'tenant northwind'.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """The newest acts, newest first."""
    with transaction(ledger()) as conn:
        rows = [
            tuple(getattr(act, name) for name in COLUMNS)
            for act in audit.acts(conn, subject=subject, limit=limit)
        ]
    show("Acts", COLUMNS, rows, as_json)


@app.command()
def verify(
    kept: Annotated[
        str | None,
        typer.Option(metavar="SEQ:HASH", help="A head printed earlier: it must still stand in the chain."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recomputes the whole chain and names the first act that is not what was written (exit code 1)."""
    kept_head = None if kept is None else _head(kept)
    with transaction(ledger()) as conn:
        broken, head = audit.verify(conn), audit.head(conn)
        cut = kept_head is not None and not audit.holds(conn, kept_head)
    shown = f"{head.seq}:{head.hash.hex()}" if head else None
    problem = f"act {broken.seq}: {broken.why}" if broken else f"act {kept}: it is not there" if cut else None
    if as_json:
        dump({"holds": problem is None, "problem": problem, "head": shown})
    else:
        say(f"The chain is broken at {problem}" if problem else f"The chain holds; its head is {shown}")
    if problem:
        raise typer.Exit(DIFFERS)


def _head(kept: str) -> audit.Head:
    seq, _, digest = kept.partition(":")
    try:
        return audit.Head(int(seq), bytes.fromhex(digest))
    except ValueError:
        raise Refused(f"'{kept}' is no head: `mailfleet audit verify` prints it as SEQ:HASH") from None
