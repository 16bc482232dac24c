"""The message that feedback is about: found, locked and moved under role control."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Subject:
    """A message as feedback finds it. `queue_ids`: its ids at its node, those of earlier tries left out."""

    tenant_id: int
    message_id: int
    state: str
    attempt: int
    queue_ref: str | None
    node_id: int | None
    egress_id: int | None
    egress_kind: str | None
    receiver: str
    person_hash: bytes
    address_hash: bytes
    campaign_id: int | None
    mailbox_id: int
    domain_id: int
    import_id: int | None
    expires_at: datetime
    queue_ids: list[str]
    arrived: bool  # the person's side has answered its last try


@dataclass(frozen=True)
class Moved:
    """Where a message goes, and what is written on it."""

    state: str
    reason: str | None = None
    due_at: datetime | None = None  # None: as it was
    hold_until: datetime | None = None
    queue_ref: str | None = None  # None: as it was


_BEGUN = "('sending', 'submitted', 'delivered', 'bounced', 'refused', 'unknown')"


def state_of(conn: Connection, message_id: int) -> str | None:
    """The state of a message now; None where there is no such message."""
    found = text("SELECT state FROM mailfleet.messages WHERE message_id = :id")
    return conn.execute(found, {"id": message_id}).scalar()


_SUBJECT = """
    SELECT m.tenant_id, m.message_id, m.state, m.attempt, m.queue_ref, m.node_id, m.egress_id,
           e.kind AS egress_kind, m.receiver, m.person_hash, m.address_hash, m.campaign_id, m.mailbox_id,
           m.domain_id, m.import_id, m.expires_at,
           ARRAY(SELECT q.queue_id FROM mailfleet.queue_ids q
                  WHERE q.message_id = m.message_id AND q.node_id = m.node_id AND q.logged_at >= m.began_at
                    AND NOT EXISTS (SELECT FROM mailfleet.attempts a WHERE a.message_id = m.message_id
                                       AND a.attempt < m.attempt AND a.queue_ref = q.queue_id)) AS queue_ids,
           EXISTS (SELECT FROM mailfleet.events v WHERE v.message_id = m.message_id AND v.recorded_at >= m.began_at
                      AND v.source IN ('one_click', 'reply', 'auto_reply', 'arf')) AS arrived
      FROM mailfleet.messages m LEFT JOIN mailfleet.egresses e ON e.egress_id = m.egress_id
     WHERE m.message_id = :id
"""


def read(conn: Connection, message_id: int) -> Subject | None:
    """The message as it is now, not locked; None where there is no such message."""
    return _subject(conn, _SUBJECT, message_id)


def lock(conn: Connection, message_id: int) -> Subject | None:
    """The message, locked; None where somebody else has it just now: nobody is waited for, so nobody deadlocks."""
    return _subject(conn, f"{_SUBJECT} FOR UPDATE OF m SKIP LOCKED", message_id)


def _subject(conn: Connection, statement: str, message_id: int) -> Subject | None:
    row = conn.execute(text(statement), {"id": message_id}).mappings().first()
    if row is None:
        return None
    hashes = {"person_hash": bytes(row["person_hash"]), "address_hash": bytes(row["address_hash"])}
    return Subject(**{**row, **hashes})


def move(conn: Connection, message_id: int, to: Moved, *, now: datetime) -> None:
    """The locked message is there. A restored ledger may know neither its way nor its start: both are filled in."""
    conn.execute(text(f"""
        UPDATE mailfleet.messages AS m
           SET state = :state, reason = :reason, hold_until = :hold_until, due_at = coalesce(:due_at, m.due_at),
               queue_ref = coalesce(:queue_ref, m.queue_ref),
               submitted_at = CASE WHEN :state IN ('submitted', 'delivered')
                                   THEN coalesce(m.submitted_at, :now) ELSE m.submitted_at END,
               ended_at = CASE WHEN :state IN ('delivered', 'bounced') THEN CAST(:now AS timestamptz) END,
               began_at = CASE WHEN :state IN {_BEGUN} THEN coalesce(m.began_at, clock_timestamp()) ELSE m.began_at END,
               attempt = CASE WHEN :state IN {_BEGUN} THEN greatest(m.attempt, 1) ELSE m.attempt END
         WHERE message_id = :id
    """), vars(to) | {"id": message_id, "now": now})  # fmt: skip


def give_route(conn: Connection, message_id: int) -> None:
    """A message without a way out has its mailbox's first one."""
    conn.execute(text("""
        UPDATE mailfleet.messages AS m SET node_id = f.node_id, egress_owner = f.owner_id, egress_id = f.egress_id
          FROM (SELECT r.tenant_id, r.mailbox_id, r.position, e.node_id, e.owner_id, e.egress_id
                  FROM mailfleet.routes r JOIN mailfleet.egresses e USING (egress_id)) AS f
         WHERE m.message_id = :id AND m.node_id IS NULL AND f.tenant_id = m.tenant_id AND f.mailbox_id = m.mailbox_id
           AND f.position = (SELECT min(r.position) FROM mailfleet.routes r
                              WHERE r.tenant_id = m.tenant_id AND r.mailbox_id = m.mailbox_id)
    """), {"id": message_id})  # fmt: skip
