"""How much of a tenant's capacity the breakers have rested (law 7)."""

from __future__ import annotations

from sqlalchemy import Connection, text

from mailfleet.policy.breaker import Capacity


def one_at_a_time(conn: Connection, tenant_id: int) -> None:
    """Whoever decides about a tenant's capacity does so alone until its transaction ends."""
    conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('mailfleet capacity'), :tenant)"), {"tenant": tenant_id}
    )


def capacity(conn: Connection, tenant_id: int, scope: str, scope_id: int) -> Capacity:
    """In messages a day. A node does not see all mailboxes of a tenant, so the database counts for it."""
    row = conn.execute(
        text("SELECT * FROM mailfleet.capacity(:tenant, :scope, :id)"),
        {"tenant": tenant_id, "scope": scope, "id": scope_id},
    ).one()
    return Capacity(row.whole, row.rested, row.wanted)
