"""What a message becomes on paper, and how its tries end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from db.leases import Lease


@dataclass(frozen=True)
class Letter:
    """Everything that one message's text and envelope are made of."""

    message_id: int
    tenant_id: int
    egress_id: int
    receiver: str
    person_hash: bytes
    thread: tuple[int, ...]
    tenant: str
    legal_name: str
    postal_address: str
    privacy_url: str
    purpose: str
    campaign_id: int
    campaign: str
    version: int
    step: str
    subject: str
    text_body: str
    html_body: str
    first_subject: str
    mailbox: str
    display_name: str
    domain_id: int
    domain: str
    bounce_domain: str
    tracking_host: str
    address: str
    given_name: str
    family_name: str
    company: str
    country: str
    language: str
    variables: dict[str, Any]
    basis_source: str
    basis_at: date


@dataclass(frozen=True)
class Ended:
    """How a try moves its message."""

    message_id: int
    attempt: int
    event: str
    state: str
    reason: str | None
    verdict: str | None
    about: str | None
    reply: str
    due_at: datetime | None
    queue_ref: str | None


@dataclass(frozen=True)
class Subject:
    """Of what and whom a verdict on this message speaks."""

    tenant_id: int
    message_id: int
    campaign_id: int | None
    mailbox_id: int
    domain_id: int
    import_id: int | None
    receiver: str
    person_hash: bytes
    address_hash: bytes


def letters(conn: Connection, message_ids: Sequence[int]) -> list[Letter]:
    """The parts of these messages, in the order asked; one whose lead or text is gone is left out."""
    rows = conn.execute(text("""
        SELECT m.message_id, m.tenant_id, m.egress_id, m.receiver, m.person_hash, m.thread,
               t.slug AS tenant, t.legal_name, t.postal_address, coalesce(t.privacy_url, '') AS privacy_url, d.purpose,
               c.campaign_id, c.slug AS campaign, s.version, s.step_key AS step, s.subject, s.text_body, s.html_body,
               f.subject AS first_subject, b.address AS mailbox, b.display_name,
               o.domain_id, o.name AS domain, o.bounce_domain, o.tracking_host,
               l.address, l.given_name, l.family_name, l.company, l.country, l.language, l.variables, l.basis_source, l.basis_at
          FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS asked (message_id, position)
          JOIN mailfleet.messages m USING (message_id)
          JOIN mailfleet.tenants t ON t.tenant_id = m.tenant_id AND t.legal_name IS NOT NULL AND t.postal_address IS NOT NULL
          JOIN mailfleet.campaigns c ON c.tenant_id = m.tenant_id AND c.campaign_id = m.campaign_id
          JOIN mailfleet.directions d ON d.tenant_id = m.tenant_id AND d.direction_id = c.direction_id
          JOIN mailfleet.campaign_steps s ON s.tenant_id = m.tenant_id AND s.campaign_id = m.campaign_id
               AND s.version = m.campaign_version AND s.step_key = m.step_key
          JOIN mailfleet.campaign_steps f ON f.tenant_id = m.tenant_id AND f.campaign_id = m.campaign_id
               AND f.version = m.campaign_version AND f.position = 1
          JOIN mailfleet.mailboxes b ON b.tenant_id = m.tenant_id AND b.mailbox_id = m.mailbox_id
          JOIN mailfleet.domains o ON o.tenant_id = m.tenant_id AND o.domain_id = m.domain_id
          JOIN mailfleet.leads l ON l.tenant_id = m.tenant_id AND l.lead_id = m.lead_id
         ORDER BY asked.position
    """), {"ids": list(message_ids)})  # fmt: skip
    return [
        Letter(**row | {"thread": tuple(row["thread"]), "person_hash": bytes(row["person_hash"])})
        for row in map(dict, rows.mappings())
    ]


# A worker that lost its lease moves nothing: batch, fence and try must still be its own.
END = """
    WITH ended AS (
        SELECT * FROM unnest(CAST(:message_id AS bigint[]), CAST(:attempt AS int[]), CAST(:event AS text[]),
                             CAST(:state AS text[]), CAST(:reason AS text[]), CAST(:verdict AS text[]), CAST(:about AS text[]),
                             CAST(:reply AS text[]), CAST(:due_at AS timestamptz[]), CAST(:queue_ref AS text[]))
                 AS w (message_id, attempt, event, state, reason, verdict, about, reply, due_at, queue_ref)
    ), moved AS (
        UPDATE mailfleet.messages AS m
           SET state = w.state, reason = w.reason, due_at = coalesce(w.due_at, m.due_at), queue_ref = w.queue_ref,
               submitted_at = CASE WHEN w.state = 'submitted' THEN :now ELSE m.submitted_at END,
               ended_at = CASE WHEN w.state = 'refused' THEN :now END, lease_id = NULL, fence = NULL
          FROM ended w
         WHERE m.message_id = w.message_id AND m.state = 'sending' AND m.attempt = w.attempt
           AND m.lease_id = :lease_id AND m.fence = :fence
           AND EXISTS (SELECT FROM mailfleet.leases l WHERE l.lease_id = :lease_id AND l.fence = :fence)
        RETURNING m.tenant_id, m.message_id, m.campaign_id, m.mailbox_id, m.domain_id, m.import_id, m.receiver,
                  m.person_hash, m.address_hash
    ), written AS (
        INSERT INTO mailfleet.events (tenant_id, message_id, event, source, before, after, verdict, about, reply, occurred_at)
        SELECT moved.tenant_id, w.message_id, w.event, 'attempt', 'sending', w.state, w.verdict, w.about, w.reply, :now
          FROM ended w JOIN moved USING (message_id)
    )
    SELECT * FROM moved
"""


def end(conn: Connection, lease: Lease, ended: Sequence[Ended], *, now: datetime) -> list[Subject]:
    """Those of the lease's messages that were on the line have ended so; returned are the ones that moved."""
    names = (
        "message_id",
        "attempt",
        "event",
        "state",
        "reason",
        "verdict",
        "about",
        "reply",
        "due_at",
        "queue_ref",
    )
    columns = {name: [getattr(one, name) for one in ended] for name in names}
    rows = conn.execute(text(END), columns | vars(lease) | {"now": now})
    return [Subject(**row | {"person_hash": bytes(row["person_hash"]), "address_hash": bytes(row["address_hash"])})
            for row in map(dict, rows.mappings())]  # fmt: skip
