"""`mailfleet explain`: the whole story of one person, in order, with reasons."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from io import TextIOWrapper
from typing import Annotated

import typer

from db.engine import Engine, transaction
from mailfleet.acts.explain import Story, explain, tell
from mailfleet.acts.keys import Keys
from mailfleet.acts.story_lines import Line
from mailfleet.acts.tenants import known
from mailfleet.cli.terminal import AsJson, dump, keys, ledger, say, settings, show, tenant_ledger

STDIN = "-"
COLUMNS = ("at", "tenant", "about", "what")


def register(app: typer.Typer) -> None:
    """`mailfleet explain`."""
    app.command("explain")(run)


def run(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Whom to explain; with --json, - reads one a line.")
    ],
    tenant: Annotated[str | None, typer.Option(help="Only what this tenant may see.")] = None,
    as_json: AsJson = False,
) -> None:
    """Why this person got or did not get a mail: everything that happened, over all tenants, in order."""
    opened = keys()
    engine, tenant_id = _session(tenant)
    if address == STDIN:
        # Bytes that are no text make a line that nobody here has met, and no end of the others.
        asked = TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
        _lines(engine, opened, asked, tenant_id)
    else:
        _one(*tell(engine, opened, address, tenant=tenant_id), as_json)


def _session(tenant: str | None) -> tuple[Engine, int | None]:
    """The ledger to read: through the tenant's own role where one is named and the settings have it."""
    engine = ledger()
    if tenant is None:
        return engine, None
    with transaction(engine) as conn:
        tenant_id = known(conn, tenant).tenant_id
    return (tenant_ledger() if settings().database_tenant_url else engine), tenant_id


def _lines(engine: Engine, opened: Keys, addresses: Iterable[str], tenant: int | None) -> None:
    for story in explain(engine, opened, addresses, tenant=tenant):
        typer.echo(json.dumps(story.as_json(), ensure_ascii=False))


def _one(story: Story, lines: list[Line], as_json: bool) -> None:
    if as_json:
        dump(story.as_json() | {"story": [asdict(line) for line in lines]})
    elif not lines:
        say("Nobody here has met this address: it is in no lead file, and it is not suppressed")
    else:
        show(story.address, COLUMNS, [(_time(line), line.tenant, line.about, line.what) for line in lines])


def _time(line: Line) -> str:
    return f"{line.at:%Y-%m-%d %H:%M:%S}" if line.at else "now"
