"""`mailfleet tenant`: whom we work for."""

from __future__ import annotations

from typing import Annotated

import typer

from db import tenants
from db.engine import transaction
from mailfleet.acts.fleet_words import NewDirection, NewDomain, NewTenant, accepted
from mailfleet.acts.tenants import add_direction, add_domain, add_tenant, dns_records
from mailfleet.cli.terminal import AsJson, actor, keys, ledger, say, show
from mailfleet.mail.records import txt_strings

app = typer.Typer(help="Whom we work for.", no_args_is_help=True)
COLUMNS = ("slug", "name", "legal_name", "directions", "domains", "mailboxes", "leads", "daily_limit")
Slug = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's slug.")]


@app.command()
def add(
    slug: Slug,
    name: Annotated[str, typer.Option(help="As people call it.")],
    legal_name: Annotated[str | None, typer.Option(help="Without it no campaign can start.")] = None,
    postal_address: Annotated[str | None, typer.Option(help="Without it no campaign can start.")] = None,
    contact: Annotated[str | None, typer.Option(help="Where people ask about their data.")] = None,
    privacy_url: Annotated[str | None, typer.Option(help="https://…")] = None,
    daily_limit: Annotated[int, typer.Option(help="Messages a day, over all its mailboxes.")] = 20_000,
) -> None:
    """Adds a tenant, with a data key of its own."""
    values = {
        "slug": slug, "name": name, "legal_name": legal_name, "postal_address": postal_address,
        "contact": contact, "privacy_url": privacy_url, "daily_limit": daily_limit,
    }  # fmt: skip
    new = accepted(NewTenant, values, "tenant")
    with transaction(ledger()) as conn:
        add_tenant(conn, keys(), new, actor=actor())
    say(f"Tenant {slug} is there")


@app.command("list")
def list_tenants(as_json: AsJson = False) -> None:
    """All tenants and what each has."""
    with transaction(ledger()) as conn:
        found = tenants.listed(conn)
    rows = [
        (
            t.slug,
            t.name,
            t.legal_name,
            _directions(t, as_json),
            t.domains,
            t.mailboxes,
            t.leads,
            t.daily_limit,
        )
        for t in found
    ]
    show("Tenants", COLUMNS, rows, as_json)


def _directions(tenant: tenants.Listed, as_json: bool) -> list[str] | str:
    return tenant.directions if as_json else ", ".join(tenant.directions)


@app.command("add-direction")
def direction(
    tenant: Slug,
    slug: Annotated[str, typer.Argument(metavar="DIRECTION", help="The direction's slug.")],
    name: Annotated[str, typer.Option(help="As people call it.")],
    purpose: Annotated[
        str, typer.Option(help="What the data is used for, as recipients read it in the footer.")
    ],
) -> None:
    """Adds a line of outreach to a tenant."""
    new = accepted(NewDirection, {"slug": slug, "name": name, "purpose": purpose}, "direction")
    with transaction(ledger()) as conn:
        add_direction(conn, tenant, new, actor=actor())
    say(f"Direction {tenant}/{slug} is there")


@app.command("add-domain")
def domain(
    tenant: Slug,
    name: Annotated[str, typer.Argument(metavar="DOMAIN", help="The sending domain.")],
    bounce_domain: Annotated[str, typer.Option(help="The subdomain that bounces return to.")],
    tracking_host: Annotated[str, typer.Option(help="The host of the unsubscribe links.")],
    hourly_limit: Annotated[int, typer.Option(help="Messages an hour, over all its mailboxes.")] = 500,
) -> None:
    """Adds a sending domain to a tenant, with a new DKIM key; `tenant dns` shows what to publish."""
    values = {
        "name": name,
        "bounce_domain": bounce_domain,
        "tracking_host": tracking_host,
        "hourly_limit": hourly_limit,
    }
    new = accepted(NewDomain, values, "domain")
    with transaction(ledger()) as conn:
        add_domain(conn, keys(), tenant, new, actor=actor())
    say(f"Domain {name} is there: publish what `mailfleet tenant dns {tenant}` shows")


@app.command()
def dns(tenant: Slug, as_json: AsJson = False) -> None:
    """The DKIM records that the tenant's domains need in DNS."""
    with transaction(ledger()) as conn:
        records = dns_records(conn, keys(), tenant)
    show(
        "Records",
        ("name", "type", "value"),
        [(name, "TXT", txt_strings(value)) for name, value in records],
        as_json,
    )
