"""`mailfleet suppress`: whom not to write to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from db.engine import transaction
from db.suppressions import Suppression
from mailfleet.acts import suppress
from mailfleet.acts.suppress import Wish
from mailfleet.acts.suppression_file import import_file
from mailfleet.cli.terminal import AsJson, actor, keys, ledger, say, show

app = typer.Typer(help="Whom not to write to.", no_args_is_help=True)
COLUMNS = ("kind", "tenant", "domain", "reason", "since", "until", "evidence", "by")
Whom = Annotated[str, typer.Argument(metavar="WHOM", help="An address, or @domain.")]
OfTenant = Annotated[str | None, typer.Option("--tenant", help="One tenant's slug; without it: all tenants.")]


@app.command()
def add(
    whom: Whom,
    tenant: OfTenant = None,
    reason: Annotated[
        str, typer.Option(help="unsubscribe, complaint, erasure, legal, objection, operator, …")
    ] = "operator",
    until: Annotated[datetime | None, typer.Option(help="When it lapses, in UTC; without it: never.")] = None,
    evidence: Annotated[str, typer.Option(help="How we know.")] = "",
) -> None:
    """They get nothing more, from this moment on."""
    end = until.replace(tzinfo=UTC) if until else None
    with transaction(ledger()) as conn:
        new = suppress.add(conn, keys(), Wish(whom, reason, tenant, end, evidence), actor=actor())
    say("Suppressed" if new else "That was so already")


@app.command()
def remove(
    whom: Whom,
    tenant: OfTenant = None,
    new_consent: Annotated[
        str | None,
        typer.Option(
            help="What the person agreed to anew, where and when. Needed after an unsubscribe or a complaint."
        ),
    ] = None,
) -> None:
    """Lifts what stands against them in this scope."""
    with transaction(ledger()) as conn:
        reasons = suppress.remove(conn, keys(), whom, tenant=tenant, new_consent=new_consent, actor=actor())
    say(f"Lifted: {', '.join(reasons)}" if reasons else "Nothing of this scope stood against them")


@app.command("list")
def list_suppressions(
    tenant: OfTenant = None,
    reason: Annotated[str | None, typer.Option(help="Of this reason only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """What stands, newest first. People are known by hash, so no address is shown."""
    with transaction(ledger()) as conn:
        found = suppress.listed(conn, tenant=tenant, reason=reason, limit=limit)
    show("Suppressions", COLUMNS, [_row(one) for one in found], as_json)


@app.command("import")
def import_suppressions(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with kind,value,tenant,reason,until.")],
) -> None:
    """Everybody in the file gets nothing more; all rows are taken, or none."""
    counts = import_file(ledger(), keys(), file, actor())
    say(f"{counts['rows']} rows: {counts['new']} new, {counts['known']} known")


@app.command()
def check(whom: Whom, as_json: AsJson = False) -> None:
    """Everything that stands against an address, its domain included."""
    with transaction(ledger()) as conn:
        found = suppress.check(conn, keys(), whom)
    show("Suppressions", COLUMNS, [_row(one) for one in found], as_json)


def _row(one: Suppression) -> tuple[object, ...]:
    return (
        one.kind,
        one.tenant or "all",
        one.domain,
        one.reason,
        one.since,
        one.expires_at,
        one.evidence,
        one.actor,
    )
