"""What the house's tests start from: keys, and a small fleet of a tenant."""

from __future__ import annotations

from db.engine import Connection
from db.migrate import Roles
from mailfleet.acts.fleet import add_egress, add_mailbox, add_node, add_routes
from mailfleet.acts.fleet_words import NewDirection, NewDomain, NewEgress, NewMailbox, NewNode, NewTenant
from mailfleet.acts.keys import Keys
from mailfleet.acts.tenants import add_direction, add_domain, add_tenant
from mailfleet.settings.keys import Keyring

KEYS = Keys(*(Keyring({1: bytes([number]) * 32}) for number in (1, 2, 3)))
ACTOR = "anna"


def small_fleet(conn: Connection, tenant: str) -> None:
    """A tenant with one direction, domain, mailbox (anna@…) and an egress of its own on node-1."""
    add_tenant(conn, KEYS, NewTenant(slug=tenant, name=tenant.title()), actor=ACTOR)
    add_direction(conn, tenant, NewDirection(slug="tools", name="Tools", purpose="news"), actor=ACTOR)
    domain = NewDomain(
        name=f"{tenant}.example", bounce_domain=f"b.{tenant}.example", tracking_host=f"go.{tenant}.example"
    )
    add_domain(conn, KEYS, tenant, domain, actor=ACTOR)
    mailbox = NewMailbox(
        address=f"anna@{tenant}.example", display_name="Anna", daily_limit=50, hourly_limit=20
    )
    add_mailbox(conn, tenant, "tools", mailbox, actor=ACTOR)
    egress = NewEgress(
        name=f"{tenant}-own", node="node-1", tenant=tenant, kind="postfix", host="127.0.0.1", port=2525,
        helo="out.example", daily_limit=1000,
    )  # fmt: skip
    with_nodes(conn)
    add_egress(conn, egress, actor=ACTOR)
    add_routes(conn, mailbox.address, [egress.name], actor=ACTOR)


def with_nodes(conn: Connection) -> None:
    """node-1 and node-2, with the role names that the tests' ledger made."""
    prefix = conn.exec_driver_sql("SELECT current_user").scalar_one().removesuffix("_control")
    for name in ("node-1", "node-2"):
        if not conn.exec_driver_sql(f"SELECT 1 FROM mailfleet.nodes WHERE name = '{name}'").first():
            add_node(conn, Roles(prefix), NewNode(name=name, host=f"{name}.fleet.example"), actor=ACTOR)
