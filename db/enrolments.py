"""Leads in campaigns: who enters, who may get the next letter, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Running:
    """An approved campaign that has not ended, and nothing stops it or its tenant."""

    tenant_id: int
    campaign_id: int
    direction_id: int
    name: str


@dataclass(frozen=True)
class Open:
    """An active enrolment whose newest letter has been planned, and what became of that letter."""

    tenant_id: int
    enrolment_id: int
    steps_planned: int
    state: str
    reason: str | None
    submitted_at: datetime | None
    delay_days: int | None  # of the next step; None: there is none
    time_zone: str


_STOPPED = """
    SELECT FROM mailfleet.stops s WHERE s.ended_at IS NULL AND (s.until IS NULL OR s.until > :now)
       AND (s.scope, s.scope_id) IN ({scopes})
"""
SUPPRESSED = """
    SELECT FROM mailfleet.suppressions s
     WHERE (s.tenant_id IS NULL OR s.tenant_id = l.tenant_id) AND (s.expires_at IS NULL OR s.expires_at > :now) AND s.{match}
"""
_MATCHES = ("person_hash = l.person_hash", "address_hash = l.address_hash", "domain = l.domain")
BARRED = " OR ".join(f"EXISTS ({SUPPRESSED.format(match=match)})" for match in _MATCHES)


def running(conn: Connection, campaign: str | None, *, now: datetime) -> list[Running]:
    """Campaigns that may be planned, or the one named `tenant/slug`."""
    rows = conn.execute(text(f"""
        SELECT c.tenant_id, c.campaign_id, c.direction_id, t.slug || '/' || c.slug AS name
          FROM mailfleet.campaigns c JOIN mailfleet.tenants t USING (tenant_id)
          JOIN mailfleet.campaign_versions v
            ON v.tenant_id = c.tenant_id AND v.campaign_id = c.campaign_id AND v.version = c.approved
         WHERE v.ends_at > :now AND (CAST(:name AS text) IS NULL OR t.slug || '/' || c.slug = :name)
           AND NOT EXISTS ({_STOPPED.format(scopes="('campaign', c.campaign_id), ('tenant', c.tenant_id)")})
         ORDER BY c.tenant_id, c.campaign_id
    """), {"name": campaign, "now": now})  # fmt: skip
    return [Running(**row) for row in rows.mappings()]


def audience(conn: Connection, campaign: Running, *, limit: int, now: datetime) -> list[int]:
    """Leads who are not in the campaign yet and may be written to: not suppressed, and no answer or bounce before."""
    rows = conn.execute(text(f"""
        SELECT l.lead_id FROM mailfleet.leads l
         WHERE l.tenant_id = :tenant AND l.direction_id = :direction
           AND NOT EXISTS (SELECT FROM mailfleet.enrolments e WHERE e.tenant_id = l.tenant_id AND e.campaign_id = :campaign
                              AND e.lead_id = l.lead_id)
           AND NOT EXISTS (SELECT FROM mailfleet.enrolments e WHERE e.tenant_id = l.tenant_id AND e.person_hash = l.person_hash
                              AND e.ended IN ('answered', 'bounced', 'suppressed'))
           AND NOT ({BARRED})
         ORDER BY l.lead_id LIMIT :limit
    """), {**_of(campaign), "limit": limit, "now": now})  # fmt: skip
    return [int(lead) for lead in rows.scalars()]


def loads(conn: Connection, campaign: Running, *, now: datetime) -> dict[int, int]:
    """People of each mailbox that may take on more: it has a route, and neither it nor its domain is stopped."""
    rows = conn.execute(text(f"""
        SELECT b.mailbox_id, coalesce(e.people, 0)::int AS people
          FROM mailfleet.mailboxes b
          LEFT JOIN (SELECT mailbox_id, count(*) AS people FROM mailfleet.enrolments
                      WHERE tenant_id = :tenant AND state = 'active' GROUP BY 1) e USING (mailbox_id)
         WHERE b.tenant_id = :tenant AND b.direction_id = :direction AND b.daily_limit > 0
           AND EXISTS (SELECT FROM mailfleet.routes r WHERE r.tenant_id = b.tenant_id AND r.mailbox_id = b.mailbox_id)
           AND NOT EXISTS ({_STOPPED.format(scopes="('mailbox', b.mailbox_id), ('domain', b.domain_id)")})
    """), {**_of(campaign), "now": now})  # fmt: skip
    return {row.mailbox_id: row.people for row in rows}


def enrol(conn: Connection, campaign: Running, mailboxes: Mapping[int, int], *, now: datetime) -> int:
    """These leads are in the campaign, each with its mailbox; how many were not before."""
    return conn.execute(text("""
        INSERT INTO mailfleet.enrolments (tenant_id, campaign_id, lead_id, person_hash, mailbox_id, next_due_at, enrolled_at)
        SELECT l.tenant_id, :campaign, l.lead_id, l.person_hash, w.mailbox_id, :now, :now
          FROM unnest(CAST(:leads AS bigint[]), CAST(:mailboxes AS int[])) AS w (lead_id, mailbox_id)
          JOIN mailfleet.leads l ON l.tenant_id = :tenant AND l.lead_id = w.lead_id
        ON CONFLICT (tenant_id, campaign_id, lead_id) DO NOTHING
    """), {**_of(campaign), "leads": list(mailboxes), "mailboxes": list(mailboxes.values()), "now": now}).rowcount  # fmt: skip


def _of(campaign: Running) -> dict[str, int]:
    return {
        "tenant": campaign.tenant_id,
        "campaign": campaign.campaign_id,
        "direction": campaign.direction_id,
    }


def open_ones(conn: Connection) -> list[Open]:
    """Active enrolments that wait for their newest letter, locked, where that letter waits for nothing any more."""
    rows = conn.execute(text("""
        SELECT e.tenant_id, e.enrolment_id, e.steps_planned, m.state, m.reason, m.submitted_at, s.delay_days,
               coalesce(l.time_zone, 'UTC') AS time_zone
          FROM mailfleet.enrolments e
          JOIN mailfleet.messages m ON m.message_id = e.thread[cardinality(e.thread)]
          JOIN mailfleet.campaigns c ON c.tenant_id = e.tenant_id AND c.campaign_id = e.campaign_id
          LEFT JOIN mailfleet.campaign_steps s ON s.tenant_id = e.tenant_id AND s.campaign_id = e.campaign_id
               AND s.version = c.approved AND s.position = e.steps_planned + 1
          LEFT JOIN mailfleet.leads l ON l.tenant_id = e.tenant_id AND l.lead_id = e.lead_id
         WHERE e.state = 'active' AND e.next_due_at IS NULL
           AND m.state NOT IN ('planned', 'claimed', 'sending', 'deferred', 'held', 'unknown')
         ORDER BY e.tenant_id, e.enrolment_id FOR UPDATE OF e
    """))  # fmt: skip
    return [Open(**row) for row in rows.mappings()]


def set_due(conn: Connection, dues: Mapping[tuple[int, int], datetime]) -> None:
    """The next letter of these enrolments (tenant, enrolment) is due then."""
    conn.execute(text("""
        UPDATE mailfleet.enrolments AS e SET next_due_at = w.due_at
          FROM unnest(CAST(:tenants AS int[]), CAST(:ids AS bigint[]), CAST(:dues AS timestamptz[]))
                 AS w (tenant_id, enrolment_id, due_at)
         WHERE e.tenant_id = w.tenant_id AND e.enrolment_id = w.enrolment_id AND e.state = 'active'
    """), _keys(list(dues)) | {"dues": list(dues.values())})  # fmt: skip


def end(conn: Connection, ends: Mapping[tuple[int, int], str], *, now: datetime) -> None:
    """These enrolments (tenant, enrolment) have ended, with the reason; those that had keep theirs."""
    conn.execute(text("""
        UPDATE mailfleet.enrolments AS e SET state = 'ended', ended = w.ended, ended_at = :now, next_due_at = NULL
          FROM unnest(CAST(:tenants AS int[]), CAST(:ids AS bigint[]), CAST(:ends AS text[]))
                 AS w (tenant_id, enrolment_id, ended)
         WHERE e.tenant_id = w.tenant_id AND e.enrolment_id = w.enrolment_id AND e.state = 'active'
    """), _keys(list(ends)) | {"ends": list(ends.values()), "now": now})  # fmt: skip


def _keys(keys: Sequence[tuple[int, int]]) -> dict[str, object]:
    return {"tenants": [tenant for tenant, _ in keys], "ids": [enrolment for _, enrolment in keys]}


# What ends an enrolment from outside its own letters; `e` active, `l` its lead.
_FROM_OUTSIDE = {
    "suppressed": BARRED,
    "answered": """EXISTS (SELECT FROM mailfleet.enrolments a WHERE a.tenant_id = e.tenant_id
                           AND a.person_hash = e.person_hash AND a.ended = 'answered')""",
    "expired": """EXISTS (SELECT FROM mailfleet.campaigns c JOIN mailfleet.campaign_versions v
                              ON v.tenant_id = c.tenant_id AND v.campaign_id = c.campaign_id AND v.version = c.approved
                           WHERE c.tenant_id = e.tenant_id AND c.campaign_id = e.campaign_id AND v.ends_at <= :now)""",
}


def end_from_outside(conn: Connection, *, now: datetime) -> dict[str, int]:
    """Ends those with a letter to come whose person is suppressed or answered elsewhere, or whose campaign is over."""
    return {ended: conn.execute(text(f"""
        UPDATE mailfleet.enrolments AS e SET state = 'ended', ended = :ended, ended_at = :now, next_due_at = NULL
          FROM mailfleet.leads l
         WHERE l.tenant_id = e.tenant_id AND l.lead_id = e.lead_id AND e.state = 'active' AND e.next_due_at IS NOT NULL
           AND ({condition})
    """), {"ended": ended, "now": now}).rowcount for ended, condition in _FROM_OUTSIDE.items()}  # fmt: skip
