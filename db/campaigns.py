"""Campaigns, their versions and steps. A version that was made is never changed; one of them is approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Campaign:
    """A campaign, whichever version of it sends."""

    tenant_id: int
    campaign_id: int
    slug: str
    direction_id: int
    approved: int | None


@dataclass(frozen=True)
class Step:
    """One letter of a campaign; the key never changes across versions."""

    key: str
    delay_days: int
    subject: str
    text_body: str
    html_body: str


@dataclass(frozen=True)
class Plan:
    """What a version says."""

    window_start: time
    window_end: time
    daily_limit: int
    ends_at: datetime
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Listed:
    """A campaign as an operator sees it."""

    campaign: str
    direction: str
    approved: int | None
    newest: int
    ends_at: datetime
    stopped: str | None
    leads: int
    enrolled: int
    active: int
    messages: dict[str, int]


def find(conn: Connection, tenant_id: int, slug: str) -> Campaign | None:
    """The tenant's campaign of this slug, locked: versions are made and approved one after another."""
    row = conn.execute(text("""
        SELECT tenant_id, campaign_id, slug, direction_id, approved FROM mailfleet.campaigns
         WHERE tenant_id = :tenant AND slug = :slug FOR UPDATE
    """), {"tenant": tenant_id, "slug": slug}).mappings().first()  # fmt: skip
    return Campaign(**row) if row else None


def add(conn: Connection, tenant_id: int, slug: str, direction_id: int, *, now: datetime) -> Campaign:
    """A campaign without versions; the one that is there already, if somebody else was quicker."""
    conn.execute(text("""
        INSERT INTO mailfleet.campaigns (tenant_id, slug, direction_id, created_at) VALUES (:tenant, :slug, :direction, :now)
        ON CONFLICT (tenant_id, slug) DO NOTHING
    """), {"tenant": tenant_id, "slug": slug, "direction": direction_id, "now": now})  # fmt: skip
    found = find(conn, tenant_id, slug)
    assert found is not None, "it was just inserted, or somebody else's insert was waited for"
    return found


def newest(conn: Connection, campaign: Campaign) -> int:
    """The number of the newest version, 0 before the first."""
    return int(conn.execute(text("""
        SELECT coalesce(max(version), 0) FROM mailfleet.campaign_versions WHERE tenant_id = :tenant AND campaign_id = :campaign
    """), {"tenant": campaign.tenant_id, "campaign": campaign.campaign_id}).scalar_one())  # fmt: skip


def plan(conn: Connection, campaign: Campaign, version: int) -> Plan:
    """What a version of a campaign says."""
    which = {"tenant": campaign.tenant_id, "campaign": campaign.campaign_id, "version": version}
    head = conn.execute(text("""
        SELECT window_start, window_end, daily_limit, ends_at FROM mailfleet.campaign_versions
         WHERE tenant_id = :tenant AND campaign_id = :campaign AND version = :version
    """), which).mappings().one()  # fmt: skip
    steps = conn.execute(text("""
        SELECT step_key AS key, delay_days, subject, text_body, html_body FROM mailfleet.campaign_steps
         WHERE tenant_id = :tenant AND campaign_id = :campaign AND version = :version ORDER BY position
    """), which)  # fmt: skip
    return Plan(**head, steps=tuple(Step(**step) for step in steps.mappings()))


def add_version(
    conn: Connection, campaign: Campaign, version: int, made: Plan, *, actor: str, now: datetime
) -> None:
    """A new version, not yet approved."""
    which = {"tenant": campaign.tenant_id, "campaign": campaign.campaign_id, "version": version}
    conn.execute(text("""
        INSERT INTO mailfleet.campaign_versions (tenant_id, campaign_id, version, window_start, window_end, daily_limit, ends_at,
                                                 actor, created_at)
        VALUES (:tenant, :campaign, :version, :window_start, :window_end, :daily_limit, :ends_at, :actor, :now)
    """), which | {name: getattr(made, name) for name in ("window_start", "window_end", "daily_limit", "ends_at")}
        | {"actor": actor, "now": now})  # fmt: skip
    conn.execute(text("""
        INSERT INTO mailfleet.campaign_steps (tenant_id, campaign_id, version, step_key, position, delay_days, subject,
                                              text_body, html_body)
        VALUES (:tenant, :campaign, :version, :key, :position, :delay_days, :subject, :text_body, :html_body)
    """), [which | vars(step) | {"position": position} for position, step in enumerate(made.steps, 1)])  # fmt: skip


def approve(conn: Connection, campaign: Campaign, version: int, *, actor: str, now: datetime) -> None:
    """This version sends from now on."""
    which = {
        "tenant": campaign.tenant_id,
        "campaign": campaign.campaign_id,
        "version": version,
        "actor": actor,
        "now": now,
    }
    conn.execute(text("""
        UPDATE mailfleet.campaign_versions SET approved_at = :now, approved_by = :actor
         WHERE tenant_id = :tenant AND campaign_id = :campaign AND version = :version
    """), which)  # fmt: skip
    conn.execute(text("""
        UPDATE mailfleet.campaigns SET approved = :version WHERE tenant_id = :tenant AND campaign_id = :campaign
    """), which)  # fmt: skip


def listed(conn: Connection, names: Sequence[str], *, now: datetime) -> list[Listed]:
    """Campaigns by name `tenant/slug`, all where none is named, with what became of their leads."""
    rows = conn.execute(text("""
        SELECT t.slug || '/' || c.slug AS campaign, d.slug AS direction, c.approved, v.version AS newest, v.ends_at,
               (SELECT s.cause || ': ' || s.reason FROM mailfleet.stops s
                 WHERE s.scope = 'campaign' AND s.scope_id = c.campaign_id AND s.ended_at IS NULL
                   AND (s.until IS NULL OR s.until > :now) ORDER BY s.since LIMIT 1) AS stopped,
               (SELECT count(*) FROM mailfleet.leads l
                 WHERE l.tenant_id = c.tenant_id AND l.direction_id = c.direction_id) AS leads,
               e.enrolled, e.active, coalesce(m.messages, '{}') AS messages
          FROM mailfleet.campaigns c JOIN mailfleet.tenants t USING (tenant_id)
          JOIN mailfleet.directions d USING (tenant_id, direction_id)
          JOIN LATERAL (SELECT version, ends_at FROM mailfleet.campaign_versions v
                         WHERE v.tenant_id = c.tenant_id AND v.campaign_id = c.campaign_id
                         ORDER BY version DESC LIMIT 1) v ON true
          JOIN LATERAL (SELECT count(*) AS enrolled, count(*) FILTER (WHERE state = 'active') AS active
                          FROM mailfleet.enrolments e
                         WHERE e.tenant_id = c.tenant_id AND e.campaign_id = c.campaign_id) e ON true
          LEFT JOIN LATERAL (SELECT jsonb_object_agg(state, messages) AS messages FROM
                              (SELECT state, count(*) AS messages FROM mailfleet.messages m
                                WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.campaign_id GROUP BY state) s) m ON true
         WHERE cardinality(CAST(:names AS text[])) = 0 OR t.slug || '/' || c.slug = ANY (:names)
         ORDER BY 1
    """), {"names": list(names), "now": now})  # fmt: skip
    return [Listed(**row) for row in rows.mappings()]
