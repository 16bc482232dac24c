"""Fills an empty ledger from readable files: the fleet, who must not be written to, and the campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from db.engine import Connection, Engine, transaction
from db.migrate import Roles
from mailfleet.acts import campaigns, fleet, suppression_file, tenants
from mailfleet.acts.fleet_file import DirectionRow, EgressRow, Fleet, TenantRow
from mailfleet.acts.fleet_words import NewDirection, NewDomain, NewEgress, NewMailbox, NewTenant
from mailfleet.acts.keys import Keys

ACTOR = "demo seeds"


def seed_fleet(engine: Engine, keys: Keys, roles: Roles, fleet_file: Fleet, ports: Mapping[str, int]) -> None:
    """Nodes, tenants, egresses on these ports, domains with new DKIM keys, mailboxes and routes; one transaction."""
    with transaction(engine) as conn:
        for node in fleet_file.nodes:
            fleet.add_node(conn, roles, node, actor=ACTOR)
        for tenant in fleet_file.tenants:
            _tenant(conn, keys, tenant)
        for egress in fleet_file.egresses:
            fleet.add_egress(conn, _egress(egress, ports[egress.name]), actor=ACTOR)
        for tenant in fleet_file.tenants:
            for direction in tenant.directions:
                _mailboxes(conn, tenant.slug, direction)


def seed_suppressions(engine: Engine, keys: Keys, file: Path) -> int:
    """Whoever the file names is suppressed; how many rows it has."""
    return suppression_file.import_file(engine, keys, file, ACTOR)["rows"]


def seed_campaigns(engine: Engine, folder: Path) -> int:
    """Every campaign file of the folder, created and approved; how many there were."""
    files = sorted(folder.glob("*.yaml"))
    for file in files:
        campaigns.approve(engine, campaigns.create(engine, file, ACTOR).name, ACTOR)
    return len(files)


def _tenant(conn: Connection, keys: Keys, row: TenantRow) -> None:
    words = row.model_dump(include={"slug", "name", "legal_name", "postal_address", "contact", "privacy_url"})
    tenants.add_tenant(conn, keys, NewTenant(**words), actor=ACTOR)
    for direction in row.directions:
        named = NewDirection(slug=direction.slug, name=direction.name, purpose=direction.purpose)
        tenants.add_direction(conn, row.slug, named, actor=ACTOR)
        domain = direction.domain
        new = NewDomain(name=domain.name, bounce_domain=domain.bounce, tracking_host=domain.tracking)
        tenants.add_domain(conn, keys, row.slug, new, actor=ACTOR)


def _egress(row: EgressRow, port: int) -> NewEgress:
    kind: Literal["postfix", "submission"] = "submission" if row.listener is None else "postfix"
    named = row.model_dump(include={"name", "node", "tenant", "helo", "daily_limit"})
    return NewEgress(kind=kind, host="127.0.0.1", port=port, **named)


def _mailboxes(conn: Connection, tenant: str, row: DirectionRow) -> None:
    for position, local in enumerate(row.mailboxes):
        address = f"{local}@{row.domain.name}"
        name = " ".join(part.capitalize() for part in local.split("."))
        new = NewMailbox(
            address=address, display_name=name, daily_limit=row.daily_limit, hourly_limit=row.hourly_limit
        )
        fleet.add_mailbox(conn, tenant, row.slug, new, actor=ACTOR)
        fleet.add_routes(conn, address, row.routes(position), actor=ACTOR)
