"""How things stand: what waits, what is held, what is unknown, who is alive, what is stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class MessageCount:
    """Messages of one campaign in one state; `campaign` None: not of a campaign."""

    tenant: str
    campaign: str | None
    state: str
    messages: int


@dataclass(frozen=True)
class Node:
    """A node: what it has to do, its last sign of life, and who holds its wave. Times are the machine's."""

    node: str
    waiting: int
    in_hand: int
    held: int
    unknown: int
    beat_at: datetime | None
    silent_seconds: int | None
    log_read_at: datetime | None
    queued: int | None
    wave_holder: str | None
    wave_until: datetime | None


@dataclass(frozen=True)
class Stop:
    """A stop that stands."""

    scope: str
    name: str
    cause: str
    reason: str
    actor: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Incident:
    """A decision of the system that stands."""

    scope: str
    name: str
    action: str
    cause: str
    evidence: dict[str, Any]
    since: datetime
    until: datetime | None
    ends_when: str


@dataclass(frozen=True)
class Standing:
    """The ledger itself, and what waits to be read or told."""

    epoch: int
    epoch_state: str
    epoch_since: datetime
    epoch_reason: str
    business_time: datetime
    demo: bool
    inbox_waiting: int
    not_understood: int
    alerts_waiting: int


ROW = TypeVar("ROW")

# The name of what a stop or an incident is about, as the command takes it.
_NAME = """
    coalesce(CASE x.scope
        WHEN 'tenant' THEN (SELECT slug FROM mailfleet.tenants WHERE tenant_id = x.scope_id)
        WHEN 'campaign' THEN (SELECT t.slug || '/' || c.slug FROM mailfleet.campaigns c JOIN mailfleet.tenants t USING (tenant_id)
                               WHERE c.campaign_id = x.scope_id)
        WHEN 'mailbox' THEN (SELECT address FROM mailfleet.mailboxes WHERE mailbox_id = x.scope_id)
        WHEN 'domain' THEN (SELECT name FROM mailfleet.domains WHERE domain_id = x.scope_id)
        WHEN 'egress' THEN (SELECT name FROM mailfleet.egresses WHERE egress_id = x.scope_id)
        WHEN 'node' THEN (SELECT name FROM mailfleet.nodes WHERE node_id = x.scope_id)
        WHEN 'import' THEN (SELECT file_name FROM mailfleet.imports WHERE import_id = x.scope_id)
    END, x.scope_id::text)
"""


def messages(conn: Connection) -> list[MessageCount]:
    """Messages by tenant, campaign and state."""
    return _rows(conn, MessageCount, """
        SELECT t.slug AS tenant, c.slug AS campaign, m.state, m.messages
          FROM (SELECT tenant_id, campaign_id, state, count(*) AS messages FROM mailfleet.messages
                 GROUP BY tenant_id, campaign_id, state) m
          JOIN mailfleet.tenants t USING (tenant_id) LEFT JOIN mailfleet.campaigns c USING (tenant_id, campaign_id)
         ORDER BY t.slug, c.slug, m.state
    """)  # fmt: skip


def nodes(conn: Connection) -> list[Node]:
    """Every node, by name."""
    return _rows(conn, Node, """
        WITH work AS (
            SELECT node_id, count(*) FILTER (WHERE state IN ('planned', 'deferred')) AS waiting,
                   count(*) FILTER (WHERE state IN ('claimed', 'sending')) AS in_hand,
                   count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'unknown') AS unknown
              FROM mailfleet.messages
             WHERE state IN ('planned', 'deferred', 'claimed', 'sending', 'held', 'unknown') AND node_id IS NOT NULL
             GROUP BY node_id
        )
        SELECT n.name AS node, coalesce(w.waiting, 0) AS waiting, coalesce(w.in_hand, 0) AS in_hand,
               coalesce(w.held, 0) AS held, coalesce(w.unknown, 0) AS unknown, h.beat_at,
               extract(epoch FROM clock_timestamp() - h.beat_at)::int AS silent_seconds, h.log_read_at,
               cardinality(h.queued) AS queued, l.holder AS wave_holder, l.expires_at AS wave_until
          FROM mailfleet.nodes n LEFT JOIN work w USING (node_id) LEFT JOIN mailfleet.heartbeats h USING (node_id)
          LEFT JOIN mailfleet.leases l ON l.name = 'wave ' || n.name AND l.expires_at > clock_timestamp()
         ORDER BY n.name
    """)  # fmt: skip


def stops(conn: Connection) -> list[Stop]:
    """The stops that stand, oldest first."""
    return _rows(conn, Stop, f"""
        SELECT x.scope, {_NAME} AS name, x.cause, x.reason, x.actor, x.since, x.until FROM mailfleet.stops x
         WHERE x.ended_at IS NULL AND (x.until IS NULL OR x.until > mailfleet.business_now()) ORDER BY x.since
    """)  # fmt: skip


def incidents(conn: Connection) -> list[Incident]:
    """The system's decisions that stand, oldest first."""
    return _rows(conn, Incident, f"""
        SELECT x.scope, {_NAME} AS name, x.action, x.cause, x.evidence, x.since, x.until, x.ends_when
          FROM mailfleet.incidents x
         WHERE x.ended_at IS NULL AND (x.until IS NULL OR x.until > mailfleet.business_now()) ORDER BY x.since
    """)  # fmt: skip


def standing(conn: Connection) -> Standing:
    """The ledger itself."""
    (row,) = _rows(conn, Standing, """
        SELECT e.epoch, e.state AS epoch_state, e.since AS epoch_since, e.reason AS epoch_reason,
               mailfleet.business_now() AS business_time, c.demo,
               (SELECT count(*) FROM mailfleet.inbox WHERE applied_at IS NULL) AS inbox_waiting,
               (SELECT count(*) FROM mailfleet.inbox WHERE understood = 'not_understood') AS not_understood,
               (SELECT count(*) FROM mailfleet.outbox WHERE emitted_at IS NULL) AS alerts_waiting
          FROM mailfleet.ledger_epoch e, mailfleet.clock c
    """)  # fmt: skip
    return row


def _rows(conn: Connection, kind: type[ROW], question: str) -> list[ROW]:
    return [kind(**row) for row in conn.execute(text(question)).mappings()]
