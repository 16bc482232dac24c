"""Everything that is planned for one person: what an answer, a complaint or a suppression ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Person:
    """A person of one tenant."""

    tenant_id: int
    person_hash: bytes


@dataclass(frozen=True)
class Waiting:
    """A message that has not begun, and why it may not begin any more."""

    message_id: int
    state: str
    reason: str


def end_enrolments(conn: Connection, person: Person, *, ended: str, everywhere: bool, now: datetime) -> int:
    """The person's enrolments end so, with `everywhere` those with other tenants as "suppressed"; how many did.

    One that had sent its last message is "answered" as well: that message may still wait to be tried again.
    """
    return int(conn.execute(text("""
        UPDATE mailfleet.enrolments e
           SET state = 'ended', ended = CASE WHEN e.tenant_id = :tenant THEN :ended ELSE 'suppressed' END,
               ended_at = :now, next_due_at = NULL
          FROM mailfleet.tenants t
         WHERE e.tenant_id = t.tenant_id AND (:everywhere OR t.tenant_id = :tenant) AND e.person_hash = :person
           AND (e.state = 'active' OR e.ended = 'finished' AND :ended = 'answered')
    """), {
        "tenant": person.tenant_id, "person": person.person_hash, "ended": ended, "everywhere": everywhere, "now": now,
    }).rowcount)  # fmt: skip


def waiting(conn: Connection, person: Person, *, everywhere: bool, reason: str) -> list[Waiting]:
    """The person's messages that no worker has taken yet, locked; one that somebody else has locked just now is left
    out, since nobody is waited for: the gate has the same reason to drop it.
    """
    rows = conn.execute(text("""
        SELECT m.message_id, m.state
          FROM (SELECT DISTINCT e.tenant_id, e.lead_id FROM mailfleet.tenants t
                  JOIN mailfleet.enrolments e ON e.tenant_id = t.tenant_id AND e.person_hash = :person
                 WHERE :everywhere OR t.tenant_id = :tenant) AS who
          JOIN mailfleet.messages m ON m.tenant_id = who.tenant_id AND m.lead_id = who.lead_id
           AND m.state IN ('planned', 'deferred', 'held')
         ORDER BY m.message_id FOR UPDATE OF m SKIP LOCKED
    """), {"tenant": person.tenant_id, "person": person.person_hash, "everywhere": everywhere})  # fmt: skip
    return [Waiting(row.message_id, row.state, reason) for row in rows]


def end_suppressed(conn: Connection, *, now: datetime) -> list[Waiting]:
    """Whoever is suppressed is enrolled in nothing any more: their enrolments have ended; their waiting messages.

    For whatever is suppressed without a look at the enrolments: by a node, by the public service, by an operator.
    """
    rows = conn.execute(text("""
        WITH standing AS (
            SELECT * FROM mailfleet.suppressions WHERE expires_at IS NULL OR expires_at > :now
        ), barred AS (
            SELECT e.tenant_id, e.enrolment_id, s.reason FROM mailfleet.enrolments e
              JOIN standing s ON s.person_hash = e.person_hash AND (s.tenant_id IS NULL OR s.tenant_id = e.tenant_id)
             WHERE e.state = 'active'
            UNION ALL
            SELECT e.tenant_id, e.enrolment_id, s.reason FROM standing s
              JOIN mailfleet.leads l ON l.address_hash = s.address_hash AND (s.tenant_id IS NULL OR s.tenant_id = l.tenant_id)
              JOIN mailfleet.enrolments e ON e.tenant_id = l.tenant_id AND e.lead_id = l.lead_id AND e.state = 'active'
            UNION ALL
            SELECT e.tenant_id, e.enrolment_id, s.reason FROM standing s
              JOIN mailfleet.leads l ON l.domain = s.domain AND (s.tenant_id IS NULL OR s.tenant_id = l.tenant_id)
              JOIN mailfleet.enrolments e ON e.tenant_id = l.tenant_id AND e.lead_id = l.lead_id AND e.state = 'active'
        ), ended AS (
            UPDATE mailfleet.enrolments e
               SET state = 'ended', ended_at = :now, next_due_at = NULL,
                   ended = CASE WHEN b.reason IN ('hard', 'inactive') THEN 'bounced' ELSE 'suppressed' END
              FROM (SELECT tenant_id, enrolment_id, max(reason) AS reason FROM barred GROUP BY 1, 2) AS b
             WHERE e.tenant_id = b.tenant_id AND e.enrolment_id = b.enrolment_id AND e.state = 'active'
            RETURNING e.tenant_id, e.enrolment_id, e.lead_id, b.reason
        )
        SELECT m.message_id, m.state, 'suppressed: ' || ended.reason AS reason
          FROM ended JOIN mailfleet.messages m ON m.tenant_id = ended.tenant_id AND m.lead_id = ended.lead_id
           AND m.enrolment_id = ended.enrolment_id AND m.state IN ('planned', 'deferred', 'held')
         ORDER BY m.message_id
    """), {"now": now})  # fmt: skip
    return [Waiting(**row) for row in rows.mappings()]
