"""Tenants and their directions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Tenant:
    """One client of the agency. Without legal name and postal address no campaign of it can start (law 5)."""

    tenant_id: int
    slug: str
    name: str
    legal_name: str | None
    postal_address: str | None
    contact: str | None
    privacy_url: str | None
    daily_limit: int
    created_at: datetime


@dataclass(frozen=True)
class Listed:
    """A tenant with what it has."""

    slug: str
    name: str
    legal_name: str | None
    directions: list[str]
    domains: int
    mailboxes: int
    leads: int
    daily_limit: int


@dataclass(frozen=True)
class WrappedKey:
    """A tenant's data key, sealed with the installation's key of that id."""

    key_id: int
    sealed: bytes


def add(conn: Connection, tenant: dict[str, Any], wrapped: WrappedKey, *, now: datetime) -> int | None:
    """The new tenant's id; None where the slug is taken."""
    return conn.execute(text("""
        INSERT INTO mailfleet.tenants (slug, name, legal_name, postal_address, contact, privacy_url, daily_limit,
                                       data_key, data_key_id, created_at)
        VALUES (:slug, :name, :legal_name, :postal_address, :contact, :privacy_url, :daily_limit,
                :data_key, :data_key_id, :now)
        ON CONFLICT (slug) DO NOTHING RETURNING tenant_id
    """), tenant | {"data_key": wrapped.sealed, "data_key_id": wrapped.key_id, "now": now}).scalar()  # fmt: skip


def add_direction(conn: Connection, tenant_id: int, *, slug: str, name: str, purpose: str) -> int | None:
    """The new direction's id; None where this tenant has the slug already."""
    return conn.execute(text("""
        INSERT INTO mailfleet.directions (tenant_id, slug, name, purpose) VALUES (:tenant, :slug, :name, :purpose)
        ON CONFLICT (tenant_id, slug) DO NOTHING RETURNING direction_id
    """), {"tenant": tenant_id, "slug": slug, "name": name, "purpose": purpose}).scalar()  # fmt: skip


def find(conn: Connection, slug: str) -> Tenant | None:
    """The tenant of this slug."""
    row = conn.execute(text("""
        SELECT tenant_id, slug, name, legal_name, postal_address, contact, privacy_url, daily_limit, created_at
          FROM mailfleet.tenants WHERE slug = :slug
    """), {"slug": slug}).mappings().first()  # fmt: skip
    return Tenant(**row) if row else None


def direction(conn: Connection, tenant_id: int, slug: str) -> int | None:
    """The id of a tenant's direction."""
    return conn.execute(
        text("SELECT direction_id FROM mailfleet.directions WHERE tenant_id = :tenant AND slug = :slug"),
        {"tenant": tenant_id, "slug": slug},
    ).scalar()


def wrapped_key(conn: Connection, tenant_id: int) -> WrappedKey:
    """The tenant's data key as it is stored."""
    row = conn.execute(
        text("SELECT data_key_id, data_key FROM mailfleet.tenants WHERE tenant_id = :tenant"),
        {"tenant": tenant_id},
    ).one()
    return WrappedKey(row.data_key_id, bytes(row.data_key))


def listed(conn: Connection) -> list[Listed]:
    """All tenants, by slug."""
    rows = conn.execute(text("""
        SELECT slug, name, legal_name, daily_limit,
               ARRAY(SELECT d.slug FROM mailfleet.directions d WHERE d.tenant_id = t.tenant_id ORDER BY d.slug) AS directions,
               (SELECT count(*) FROM mailfleet.domains d WHERE d.tenant_id = t.tenant_id) AS domains,
               (SELECT count(*) FROM mailfleet.mailboxes b WHERE b.tenant_id = t.tenant_id) AS mailboxes,
               (SELECT count(*) FROM mailfleet.leads l WHERE l.tenant_id = t.tenant_id) AS leads
          FROM mailfleet.tenants t ORDER BY slug
    """))  # fmt: skip
    return [Listed(**row) for row in rows.mappings()]
