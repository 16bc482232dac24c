"""One row of every table for a tenant, as a running fleet would hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from db.engine import Connection
from mailfleet.mail.ids import keyed_hash
from tests.house.given import KEYS, small_fleet

NUMBERS = {"acme": 1001, "bolt": 2002}


@dataclass(frozen=True)
class Filled:
    """A tenant with a row in every table."""

    tenant_id: int
    message_id: int
    lead_id: int
    campaign_id: int
    mailbox_id: int
    domain_id: int
    import_id: int
    egress_id: int
    node_id: int
    enrolment_id: int


def lead_address(tenant: str) -> str:
    """The tenant's one lead."""
    return f"olga@{tenant}-customer.example"


def hashed(plain: str) -> bytes:
    """As the ledger stores it."""
    return keyed_hash(KEYS.hashes.current[1], plain)


def fill(conn: Connection, tenant: str, *, message_id: int | None = None) -> Filled:
    """Every table has a row of this tenant; its message is submitted, from node-1."""
    small_fleet(conn, tenant)
    known: dict[str, Any] = {
        "slug": tenant,
        "address": lead_address(tenant),
        "hash": hashed(lead_address(tenant)),
    }
    known["message"] = message_id or NUMBERS[tenant]
    for statement in _STATEMENTS:
        done = conn.execute(text(statement), known)
        known |= dict(done.mappings().one()) if done.returns_rows else {}
    return Filled(**{name: known[name] for name in Filled.__dataclass_fields__})


_STATEMENTS = [
    """SELECT t.tenant_id, d.direction_id, b.mailbox_id, b.domain_id, e.egress_id, e.owner_id, e.node_id, t.slug
         FROM mailfleet.tenants t JOIN mailfleet.directions d USING (tenant_id) JOIN mailfleet.mailboxes b USING (tenant_id)
         JOIN mailfleet.egresses e ON e.owner_id = t.tenant_id WHERE t.slug = :slug""",
    """INSERT INTO mailfleet.imports (tenant_id, direction_id, file_name, file_sha256, encoding, delimiter, rows, accepted,
                                       known, refused, actor, taken_at)
       VALUES (:tenant_id, :direction_id, 'people.csv', sha256('x'), 'utf-8', ',', 2, 1, 0, 1, 'anna', '2027-03-01 08:00Z')
       RETURNING import_id""",
    """INSERT INTO mailfleet.refused_rows (tenant_id, import_id, line, reason, address_hash)
       VALUES (:tenant_id, :import_id, 3, 'duplicate', :hash)""",
    """INSERT INTO mailfleet.leads (tenant_id, direction_id, import_id, person_hash, address_hash, hash_key_id, address, domain,
                                     receiver, flags, country, language, time_zone, basis, basis_source, basis_at, taken_at)
       VALUES (:tenant_id, :direction_id, :import_id, :hash, :hash, 1, :address, split_part(:address, '@', 2), 'other',
               '{role}', 'DE', 'de', 'Europe/Berlin', 'consent', 'fair', '2026-01-01', '2027-03-01 08:00Z')
       RETURNING lead_id""",
    """INSERT INTO mailfleet.campaigns (tenant_id, slug, direction_id, created_at)
       VALUES (:tenant_id, 'spring', :direction_id, '2027-03-01 08:00Z') RETURNING campaign_id""",
    """INSERT INTO mailfleet.campaign_versions (tenant_id, campaign_id, version, window_start, window_end, daily_limit, ends_at,
                                                 actor, created_at)
       VALUES (:tenant_id, :campaign_id, 1, '09:00', '18:00', 100, '2027-04-01Z', 'anna', '2027-03-01 08:00Z')""",
    """INSERT INTO mailfleet.campaign_steps (tenant_id, campaign_id, version, step_key, position, delay_days, subject, text_body,
                                              html_body)
       VALUES (:tenant_id, :campaign_id, 1, 'hello', 1, 0, 'Hello', 'Hello', '<p>Hello</p>')""",
    """INSERT INTO mailfleet.enrolments (tenant_id, campaign_id, lead_id, person_hash, mailbox_id, enrolled_at)
       VALUES (:tenant_id, :campaign_id, :lead_id, :hash, :mailbox_id, '2027-03-01 08:30Z') RETURNING enrolment_id""",
    """INSERT INTO mailfleet.leases (name, node_id, holder, expires_at)
       VALUES ('batch ' || :slug, :node_id, 'worker', clock_timestamp() + interval '2 minutes')""",
    """INSERT INTO mailfleet.messages (tenant_id, message_id, kind, campaign_id, campaign_version, step_key, step_position,
           enrolment_id, lead_id, import_id, person_hash, address_hash, mailbox_id, domain_id, receiver, state, due_at,
           expires_at, node_id, egress_owner, egress_id, attempt, began_at, queue_ref, planned_at, submitted_at)
       VALUES (:tenant_id, :message, 'campaign', :campaign_id, 1, 'hello', 1, :enrolment_id, :lead_id, :import_id, :hash, :hash,
           :mailbox_id, :domain_id, 'other', 'submitted', '2027-03-01 09:00Z', '2027-03-04 09:00Z', :node_id, :owner_id,
           :egress_id, 1, clock_timestamp(), 'Q' || :slug, '2027-03-01 08:40Z', '2027-03-01 09:01Z')
       RETURNING message_id""",
    """INSERT INTO mailfleet.attempts (tenant_id, message_id, attempt, node_id, egress_id, started_at, ended_at, outcome, reply)
       VALUES (:tenant_id, :message_id, 1, :node_id, :egress_id, clock_timestamp(), clock_timestamp(), 'accepted',
               '250 2.0.0 queued')""",
    """INSERT INTO mailfleet.events (tenant_id, message_id, event, source, before, after, reply, occurred_at)
       VALUES (:tenant_id, :message_id, 'hold', 'gate', 'planned', 'held', NULL, '2027-03-01 08:50Z'),
              (:tenant_id, :message_id, 'accept', 'attempt', 'sending', 'submitted', '250 2.0.0 queued', '2027-03-01 09:01Z')""",
    """INSERT INTO mailfleet.verdicts (tenant_id, message_id, verdict, campaign_id, mailbox_id, domain_id, import_id, receiver,
                                        judged_at)
       VALUES (:tenant_id, :message_id, 'accepted', :campaign_id, :mailbox_id, :domain_id, :import_id, 'other',
               '2027-03-01 09:01Z')""",
    """INSERT INTO mailfleet.suppressions (kind, tenant_id, person_hash, hash_key_id, reason, since, evidence, actor)
       VALUES ('address', :tenant_id, :hash, 1, 'unsubscribe', '2027-03-02 08:00Z', 'one click', 'the recipient')""",
    """INSERT INTO mailfleet.incidents (tenant_id, scope, scope_id, action, cause, evidence, since, ends_when)
       VALUES (:tenant_id, 'campaign', :campaign_id, 'pause', 'bounce rate', '{"hard": 5, "final": 60}', '2027-03-01 08:45Z',
               'an operator resumes it')
       RETURNING incident_id""",
    """INSERT INTO mailfleet.stops (tenant_id, scope, scope_id, cause, reason, actor, incident_id, since, ended_at, ended_by)
       VALUES (:tenant_id, 'campaign', :campaign_id, 'breaker', 'too many bounces', 'breaker', :incident_id,
               '2027-03-01 08:45Z', '2027-03-01 08:55Z', 'anna')""",
    """INSERT INTO mailfleet.routes (tenant_id, mailbox_id, position, egress_owner, egress_id)
       VALUES (:tenant_id, :mailbox_id, 1, :owner_id, :egress_id) ON CONFLICT DO NOTHING""",
    """INSERT INTO mailfleet.allowances (tenant_id, dimension, key, hour, used)
       VALUES (:tenant_id, 'mailbox', :mailbox_id, '2027-03-01 09:00Z', 1)""",
    """INSERT INTO mailfleet.outbox (tenant_id, event, resource, payload)
       VALUES (:tenant_id, 'mailfleet.campaign.paused', 'campaign ' || :slug, '{}')""",
    """INSERT INTO mailfleet.inbox (source, node_id, place, body, received_at)
       VALUES ('node_log', :node_id, 'mail.log', 'x', '2027-03-01 09:02Z')""",
    "INSERT INTO mailfleet.event_keys (source, natural_key) VALUES ('node_log', sha256(convert_to(:slug, 'UTF8')))",
    """INSERT INTO mailfleet.heartbeats (node_id, beat_at, worker) VALUES (:node_id, clock_timestamp(), 'worker')
       ON CONFLICT DO NOTHING""",
    "INSERT INTO mailfleet.node_chunks (node_id, chunk) VALUES (:node_id, 1) ON CONFLICT DO NOTHING",
    "INSERT INTO mailfleet.queue_ids (node_id, queue_id, message_id) VALUES (:node_id, 'Q' || :slug, :message_id)",
]
