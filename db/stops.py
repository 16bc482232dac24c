"""Stops: flags that hold a tenant, campaign, mailbox, domain, egress, node or lead file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

Standing = tuple[str, int, str, str, datetime | None]  # scope, scope id, cause, reason, until


@dataclass(frozen=True)
class NewStop:
    """What is to be held, why, by whom and until when. `tenant_id` None: shared by tenants."""

    scope: str
    scope_id: int
    tenant_id: int | None
    cause: str
    reason: str
    actor: str
    until: datetime | None = None
    incident_id: int | None = None


@dataclass(frozen=True)
class Listed:
    """A stop that stands, as a person reads it."""

    scope: str
    name: str
    cause: str
    reason: str
    actor: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Held:
    """What came of a wish to hold something: until when it is held, None for ever."""

    until: datetime | None


def standing(conn: Connection, now: datetime) -> frozenset[Standing]:
    """Every stop that holds something at business time `now`."""
    rows = conn.execute(text("""
        SELECT scope, scope_id, cause, reason, until FROM mailfleet.stops
         WHERE ended_at IS NULL AND (until IS NULL OR until > :now)
    """), {"now": now})  # fmt: skip
    return frozenset((row.scope, row.scope_id, row.cause, row.reason, row.until) for row in rows)


def stop(conn: Connection, new: NewStop, *, now: datetime) -> bool:
    """The scope is held; False where this cause holds it already. One that has run out is closed first."""
    close_expired(conn, now=now, scope=new.scope, scope_id=new.scope_id)
    return bool(conn.execute(text("""
        INSERT INTO mailfleet.stops (tenant_id, scope, scope_id, cause, reason, actor, incident_id, since, until)
        VALUES (:tenant_id, :scope, :scope_id, :cause, :reason, :actor, :incident_id, :now, :until)
        ON CONFLICT (scope, scope_id, cause) WHERE ended_at IS NULL DO NOTHING
    """), vars(new) | {"now": now}).rowcount)  # fmt: skip


def stop_longer(conn: Connection, new: NewStop, *, now: datetime) -> Held | None:
    """The scope is held, for the newest reason and until the later of two ends; None where that is so already.
    For who may change what stands.
    """
    close_expired(conn, now=now, scope=new.scope, scope_id=new.scope_id)
    row = conn.execute(text("""
        INSERT INTO mailfleet.stops AS s (tenant_id, scope, scope_id, cause, reason, actor, incident_id, since, until)
        VALUES (:tenant_id, :scope, :scope_id, :cause, :reason, :actor, :incident_id, :now, :until)
        ON CONFLICT (scope, scope_id, cause) WHERE ended_at IS NULL DO UPDATE
           SET reason = excluded.reason, actor = excluded.actor,
               until = CASE WHEN s.until < coalesce(excluded.until, 'infinity') THEN excluded.until ELSE s.until END
         WHERE s.reason <> excluded.reason OR s.until < coalesce(excluded.until, 'infinity')
        RETURNING s.until
    """), vars(new) | {"now": now}).first()  # fmt: skip
    return Held(row.until) if row else None


def unstop(conn: Connection, *, scope: str, scope_id: int, actor: str, now: datetime) -> list[str]:
    """Nothing holds the scope any more; the causes that did. Their incidents end with them."""
    return list(conn.execute(text("""
        WITH ended AS (
            UPDATE mailfleet.stops SET ended_at = :now, ended_by = :actor
             WHERE scope = :scope AND scope_id = :scope_id AND ended_at IS NULL
            RETURNING cause, incident_id
        ), incidents AS (
            UPDATE mailfleet.incidents SET ended_at = :now
             WHERE incident_id IN (SELECT incident_id FROM ended) AND ended_at IS NULL
        )
        SELECT cause FROM ended ORDER BY cause
    """), {"scope": scope, "scope_id": scope_id, "actor": actor, "now": now}).scalars())  # fmt: skip


def close_expired(
    conn: Connection, *, now: datetime, scope: str | None = None, scope_id: int | None = None
) -> int:
    """Stops that have run out are ended at the time they ran out; of one scope where it is given.

    Every role that may stop may do this: an expired row would stand in the way of the next one. A node sees to the
    breakers' stops only.
    """
    return int(conn.execute(text("""
        UPDATE mailfleet.stops SET ended_at = until, ended_by = 'its time'
         WHERE ended_at IS NULL AND until <= :now
           AND (CAST(:scope AS text) IS NULL OR scope = :scope AND scope_id = :scope_id)
    """), {"now": now, "scope": scope, "scope_id": scope_id}).rowcount)  # fmt: skip


_NAMES = """
    SELECT 'tenant' AS scope, tenant_id::bigint AS scope_id, slug AS name, tenant_id FROM mailfleet.tenants
    UNION ALL SELECT 'campaign', c.campaign_id, t.slug || '/' || c.slug, c.tenant_id
                FROM mailfleet.campaigns c JOIN mailfleet.tenants t USING (tenant_id)
    UNION ALL SELECT 'mailbox', mailbox_id, address, tenant_id FROM mailfleet.mailboxes
    UNION ALL SELECT 'domain', domain_id, name, tenant_id FROM mailfleet.domains
    UNION ALL SELECT 'egress', egress_id, name, NULLIF(owner_id, 0) FROM mailfleet.egresses
    UNION ALL SELECT 'node', node_id, name, NULL FROM mailfleet.nodes
    UNION ALL SELECT 'import', i.import_id, t.slug || '/' || i.file_name || '#' || i.import_id, i.tenant_id
                FROM mailfleet.imports i JOIN mailfleet.tenants t USING (tenant_id)
"""


def listed(conn: Connection, *, now: datetime) -> list[Listed]:
    """Every stop that stands, with the name of what it holds, newest first."""
    rows = conn.execute(text(f"""
        SELECT s.scope, coalesce(n.name, s.scope_id::text) AS name, s.cause, s.reason, s.actor, s.since, s.until
          FROM mailfleet.stops s LEFT JOIN ({_NAMES}) AS n USING (scope, scope_id)
         WHERE s.ended_at IS NULL AND (s.until IS NULL OR s.until > :now)
         ORDER BY s.since DESC, s.stop_id DESC
    """), {"now": now})  # fmt: skip
    return [Listed(**row) for row in rows.mappings()]


def find(conn: Connection, scope: str, name: str) -> tuple[int, int | None] | None:
    """Id and tenant of what a person calls `name` in this scope; None where there is no such thing."""
    row = conn.execute(
        text(f"SELECT scope_id, tenant_id FROM ({_NAMES}) AS n WHERE scope = :scope AND name = :name"),
        {"scope": scope, "name": name},
    ).first()
    return (row.scope_id, row.tenant_id) if row else None
