"""Messages that may have left: what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Try:
    """An unknown try through a node's Postfix, locked, with the evidence about it. Times are the machine's."""

    message_id: int
    tenant_id: int
    began_at: datetime
    ended_at: datetime | None
    unknown_since: datetime
    late: str | None
    late_ref: str | None
    queue_id: str | None  # an id of this try that the queue manager took over, or that is in the queue
    active: bool
    queued: bool
    postfix_up: bool
    queue_read_at: datetime | None
    log_read_at: datetime | None
    log_whole_since: datetime | None


@dataclass(frozen=True)
class Listed:
    """An unknown message, as a person looks at it."""

    message_id: int
    tenant: str
    campaign: str | None
    receiver: str
    node: str
    egress: str
    kind: str
    since: datetime
    reason: str


# An end that recovery wrote down is when it found the worker dead, not when the try was over: it is left out.
# What the node took and lost after its own final dot keeps its queue id: the node has no more to say about that.
_TRIES = """
    SELECT m.message_id, m.tenant_id, m.began_at, a.ended_at, coalesce(e.recorded_at, clock_timestamp()) AS unknown_since,
           late.outcome AS late, late.queue_ref AS late_ref, q.queue_id, coalesce(q.active, false) AS active,
           coalesce(q.queued, false) AS queued, coalesce(h.postfix_up, false) AS postfix_up, h.queue_read_at, h.log_read_at,
           CAST(h.log_cursor ->> 'whole_since' AS timestamptz) AS log_whole_since
      FROM mailfleet.messages m JOIN mailfleet.egresses w ON w.egress_id = m.egress_id AND w.kind = 'postfix'
      LEFT JOIN mailfleet.heartbeats h ON h.node_id = m.node_id
      LEFT JOIN LATERAL (SELECT outcome, queue_ref FROM mailfleet.attempts a
                          WHERE a.message_id = m.message_id AND a.node_id = m.node_id AND a.attempt = m.attempt
                            AND a.late AND a.outcome <> 'unknown'
                          ORDER BY recorded_at DESC LIMIT 1) AS late ON true
      LEFT JOIN LATERAL (SELECT recorded_at, source FROM mailfleet.events e
                          WHERE e.message_id = m.message_id AND e.after = 'unknown' AND e.before <> 'unknown'
                          ORDER BY event_id DESC LIMIT 1) AS e ON true
      LEFT JOIN LATERAL (SELECT max(ended_at) AS ended_at FROM mailfleet.attempts a
                          WHERE a.message_id = m.message_id AND a.node_id = m.node_id AND a.attempt = m.attempt
                            AND (a.late OR e.source = 'attempt')) AS a ON true
      LEFT JOIN LATERAL (SELECT q.queue_id, q.active, q.queue_id = ANY(h.queued) AS queued FROM mailfleet.queue_ids q
                          WHERE q.message_id = m.message_id AND q.node_id = m.node_id AND q.logged_at >= m.began_at
                            AND NOT EXISTS (SELECT FROM mailfleet.attempts t WHERE t.message_id = m.message_id
                                               AND t.attempt < m.attempt AND t.queue_ref = q.queue_id)
                          ORDER BY q.active DESC, queued DESC NULLS LAST, q.logged_at DESC LIMIT 1) AS q ON true
     WHERE m.state = 'unknown' AND m.queue_ref IS NULL
     ORDER BY m.message_id FOR UPDATE OF m SKIP LOCKED
"""


def tries(conn: Connection) -> list[Try]:
    """Every unknown try of which a node's Postfix may still tell."""
    return [Try(**row) for row in conn.execute(text(_TRIES)).mappings()]


def listed(conn: Connection) -> list[Listed]:
    """Every unknown message, oldest first: a person decides on what no evidence settles."""
    rows = conn.execute(
        text("""
        SELECT m.message_id, t.slug AS tenant, c.slug AS campaign, m.receiver, n.name AS node, e.name AS egress, e.kind,
               m.began_at AS since, m.reason
          FROM mailfleet.messages m JOIN mailfleet.tenants t USING (tenant_id) JOIN mailfleet.nodes n ON n.node_id = m.node_id
          JOIN mailfleet.egresses e ON e.egress_id = m.egress_id
          LEFT JOIN mailfleet.campaigns c ON c.tenant_id = m.tenant_id AND c.campaign_id = m.campaign_id
         WHERE m.state = 'unknown' ORDER BY m.began_at, m.message_id
    """)
    )
    return [Listed(**row) for row in rows.mappings()]
