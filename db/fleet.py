"""What we send with: sending domains, mailboxes, nodes, egresses and the routes between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Mailbox:
    """A mailbox with its ways out, what it took in the last 24 hours, and what stops it."""

    tenant: str
    direction: str
    address: str
    display_name: str
    daily_limit: int
    hourly_limit: int
    used: int
    routes: list[str]
    stopped: str | None


@dataclass(frozen=True)
class Domain:
    """A sending domain with its sealed DKIM key."""

    tenant_id: int
    tenant: str
    name: str
    bounce_domain: str
    tracking_host: str
    dkim_selector: str
    dkim_key: bytes


@dataclass(frozen=True)
class Limits:
    """How much one mailbox may send."""

    daily: int
    hourly: int


def add_domain(conn: Connection, tenant_id: int, domain: dict[str, Any], *, dkim_key: bytes) -> int | None:
    """The new domain's id; None where the domain, or its bounce subdomain, is there already."""
    return conn.execute(text("""
        INSERT INTO mailfleet.domains (tenant_id, name, bounce_domain, tracking_host, hourly_limit, dkim_selector, dkim_key)
        VALUES (:tenant, :name, :bounce_domain, :tracking_host, :hourly_limit, :dkim_selector, :dkim_key)
        ON CONFLICT DO NOTHING RETURNING domain_id
    """), domain | {"tenant": tenant_id, "dkim_key": dkim_key}).scalar()  # fmt: skip


def add_mailbox(conn: Connection, tenant_id: int, direction_id: int, mailbox: dict[str, Any]) -> int | None:
    """The new mailbox's id; None where the address is there already, or its domain is not this tenant's."""
    return conn.execute(text("""
        INSERT INTO mailfleet.mailboxes (tenant_id, domain_id, direction_id, address, display_name, daily_limit, hourly_limit)
        SELECT tenant_id, domain_id, :direction, :address, :display_name, :daily_limit, :hourly_limit
          FROM mailfleet.domains WHERE tenant_id = :tenant AND name = split_part(:address, '@', 2)
        ON CONFLICT (address) DO NOTHING RETURNING mailbox_id
    """), mailbox | {"tenant": tenant_id, "direction": direction_id}).scalar()  # fmt: skip


def add_node(conn: Connection, *, name: str, host: str, role_name: str) -> int | None:
    """The new node's id; None where the name is taken. Its login role is the migration's business."""
    return conn.execute(text("""
        INSERT INTO mailfleet.nodes (name, host, role_name) VALUES (:name, :host, :role)
        ON CONFLICT DO NOTHING RETURNING node_id
    """), {"name": name, "host": host, "role": role_name}).scalar()  # fmt: skip


def add_egress(conn: Connection, egress: dict[str, Any], *, owner_id: int) -> int | None:
    """The new egress's id; None where its name is taken or its node is unknown. Owner 0 shares it."""
    return conn.execute(text("""
        INSERT INTO mailfleet.egresses (owner_id, node_id, name, kind, host, port, helo, tls, connections, daily_limit)
        SELECT :owner, node_id, :name, :kind, :host, :port, :helo, :tls, :connections, :daily_limit
          FROM mailfleet.nodes WHERE name = :node
        ON CONFLICT (name) DO NOTHING RETURNING egress_id
    """), egress | {"owner": owner_id}).scalar()  # fmt: skip


def add_route(conn: Connection, *, mailbox: str, egress: str, position: int) -> bool:
    """The mailbox may leave by the egress, as its `position`-th choice; False where it may not, or does already.

    An egress is the mailbox's own tenant's, or shared: anything else is not found.
    """
    return bool(conn.execute(text("""
        INSERT INTO mailfleet.routes (tenant_id, mailbox_id, position, egress_owner, egress_id)
        SELECT b.tenant_id, b.mailbox_id, :position, e.owner_id, e.egress_id
          FROM mailfleet.mailboxes b, mailfleet.egresses e
         WHERE b.address = :mailbox AND e.name = :egress AND e.owner_id IN (0, b.tenant_id)
        ON CONFLICT DO NOTHING
    """), {"mailbox": mailbox, "egress": egress, "position": position}).rowcount)  # fmt: skip


def mailboxes(conn: Connection, *, tenant: str | None, now: datetime) -> list[Mailbox]:
    """All mailboxes, or one tenant's, by address."""
    rows = conn.execute(text("""
        SELECT t.slug AS tenant, d.slug AS direction, b.address, b.display_name, b.daily_limit, b.hourly_limit,
               (SELECT coalesce(sum(a.used), 0) FROM mailfleet.allowances a
                 WHERE a.dimension = 'mailbox' AND a.key = b.mailbox_id AND a.hour > :now - interval '24 hours') AS used,
               ARRAY(SELECT e.name FROM mailfleet.routes r JOIN mailfleet.egresses e USING (egress_id)
                      WHERE r.tenant_id = b.tenant_id AND r.mailbox_id = b.mailbox_id ORDER BY r.position) AS routes,
               (SELECT string_agg(s.reason, '; ' ORDER BY s.since) FROM mailfleet.stops s
                 WHERE s.scope = 'mailbox' AND s.scope_id = b.mailbox_id AND s.ended_at IS NULL
                   AND (s.until IS NULL OR s.until > :now)) AS stopped
          FROM mailfleet.mailboxes b JOIN mailfleet.tenants t USING (tenant_id)
          JOIN mailfleet.directions d ON d.tenant_id = b.tenant_id AND d.direction_id = b.direction_id
         WHERE CAST(:tenant AS text) IS NULL OR t.slug = :tenant
         ORDER BY b.address
    """), {"tenant": tenant, "now": now})  # fmt: skip
    return [Mailbox(**row) for row in rows.mappings()]


def limits(conn: Connection, address: str) -> Limits | None:
    """The limits of a mailbox, which is locked; None where it is unknown."""
    row = conn.execute(
        text("SELECT daily_limit, hourly_limit FROM mailfleet.mailboxes WHERE address = :address FOR UPDATE"),
        {"address": address},
    ).first()
    return Limits(*row) if row else None


def set_limits(conn: Connection, address: str, new: Limits) -> None:
    """The mailbox has these limits from the next claim on."""
    conn.execute(
        text(
            "UPDATE mailfleet.mailboxes SET daily_limit = :daily, hourly_limit = :hourly WHERE address = :address"
        ),
        {"address": address, "daily": new.daily, "hourly": new.hourly},
    )


def domains(conn: Connection, tenant_id: int) -> list[Domain]:
    """A tenant's sending domains, by name."""
    rows = conn.execute(text("""
        SELECT tenant_id, t.slug AS tenant, d.name, d.bounce_domain, d.tracking_host, d.dkim_selector, d.dkim_key
          FROM mailfleet.domains d JOIN mailfleet.tenants t USING (tenant_id)
         WHERE tenant_id = :tenant ORDER BY d.name
    """), {"tenant": tenant_id})  # fmt: skip
    return [Domain(**row) for row in rows.mappings()]


def nodes(conn: Connection) -> dict[str, str]:
    """The login role of each node, by the node's name."""
    rows = conn.execute(text("SELECT name, role_name FROM mailfleet.nodes ORDER BY name"))
    return {row.name: row.role_name for row in rows}


def egress_names(conn: Connection) -> dict[int, str]:
    """The name of each egress, by its id."""
    rows = conn.execute(text("SELECT egress_id, name FROM mailfleet.egresses"))
    return {row.egress_id: row.name for row in rows}
