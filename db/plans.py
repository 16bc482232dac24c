"""Due steps and how they become messages: a compare-and-set on the enrolment, one message for each step, ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import NamedTuple

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Step:
    """A step of one enrolment that may be planned, with all that its message will say of itself."""

    tenant_id: int
    tenant: str
    campaign_id: int
    campaign: str
    version: int
    step_key: str
    position: int
    enrolment_id: int
    steps_planned: int
    person_hash: bytes
    mailbox_id: int
    domain_id: int
    due_at: datetime
    ends_at: datetime
    window_start: time
    window_end: time
    time_zone: str


class Slot(NamedTuple):
    """A planned message: which step, its number, when it leaves and when its time has passed."""

    step: Step
    number: int
    due_at: datetime
    expires_at: datetime


class Booked(NamedTuple):
    """A message that will leave, and what it will take of."""

    tenant_id: int
    campaign_id: int | None
    domain_id: int
    mailbox_id: int
    due_at: datetime


def one_at_a_time(conn: Connection) -> None:
    """Plans are made one after another: two at once would each use the same allowances."""
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('mailfleet plan'))"))


def due(conn: Connection, campaign_ids: Sequence[int], *, until: datetime) -> list[Step]:
    """The steps of these campaigns that are due until then: of each campaign a day's worth, follow-ups first."""
    rows = conn.execute(text("""
        SELECT e.tenant_id, t.slug AS tenant, e.campaign_id, c.slug AS campaign, v.version, s.step_key, s.position,
               e.enrolment_id, e.steps_planned, e.person_hash, e.mailbox_id, b.domain_id, e.next_due_at AS due_at,
               v.ends_at, v.window_start, v.window_end, l.time_zone
          FROM mailfleet.campaigns c JOIN mailfleet.tenants t USING (tenant_id)
          JOIN mailfleet.campaign_versions v
            ON v.tenant_id = c.tenant_id AND v.campaign_id = c.campaign_id AND v.version = c.approved
          JOIN LATERAL (SELECT * FROM mailfleet.enrolments e
                         WHERE e.tenant_id = c.tenant_id AND e.campaign_id = c.campaign_id AND e.state = 'active'
                           AND e.next_due_at <= :until
                         ORDER BY e.steps_planned = 0, e.next_due_at, e.enrolment_id LIMIT v.daily_limit) e ON true
          JOIN mailfleet.campaign_steps s ON s.tenant_id = v.tenant_id AND s.campaign_id = v.campaign_id
               AND s.version = v.version AND s.position = e.steps_planned + 1
          JOIN mailfleet.leads l ON l.tenant_id = e.tenant_id AND l.lead_id = e.lead_id
          JOIN mailfleet.mailboxes b ON b.tenant_id = e.tenant_id AND b.mailbox_id = e.mailbox_id
         WHERE c.campaign_id = ANY (:campaigns)
    """), {"campaigns": list(campaign_ids), "until": until})  # fmt: skip
    return [Step(**row | {"person_hash": bytes(row["person_hash"])}) for row in map(dict, rows.mappings())]


def booked(conn: Connection, tenant_ids: Sequence[int]) -> list[Booked]:
    """What these tenants' planned and deferred messages will take; what is claimed took it already."""
    rows = conn.execute(text("""
        SELECT tenant_id, campaign_id, domain_id, mailbox_id, due_at FROM mailfleet.messages
         WHERE state IN ('planned', 'deferred') AND tenant_id = ANY (:tenants)
    """), {"tenants": list(tenant_ids)})  # fmt: skip
    return [Booked(*row) for row in rows]


# Whoever moves `steps_planned` on plans the step: a second planner finds nothing to move.
_PLAN = """
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:tenants AS int[]), CAST(:enrolments AS bigint[]), CAST(:planned AS int[]),
                             CAST(:numbers AS bigint[]), CAST(:versions AS int[]), CAST(:keys AS text[]),
                             CAST(:dues AS timestamptz[]), CAST(:expiries AS timestamptz[]))
                 AS w (tenant_id, enrolment_id, steps_planned, message_id, version, step_key, due_at, expires_at)
    ), moved AS (
        UPDATE mailfleet.enrolments AS e
           SET steps_planned = e.steps_planned + 1, next_due_at = NULL, thread = e.thread || w.message_id
          FROM wanted w
         WHERE e.tenant_id = w.tenant_id AND e.enrolment_id = w.enrolment_id AND e.state = 'active'
           AND e.steps_planned = w.steps_planned AND e.next_due_at IS NOT NULL
        RETURNING e.tenant_id, e.enrolment_id, e.campaign_id, e.lead_id, e.mailbox_id, e.steps_planned, e.thread,
                  w.message_id, w.version, w.step_key, w.due_at, w.expires_at
    )
    INSERT INTO mailfleet.messages (tenant_id, message_id, kind, campaign_id, campaign_version, step_key, step_position,
                                    enrolment_id, lead_id, import_id, person_hash, address_hash, mailbox_id, domain_id,
                                    receiver, thread, state,
                                    due_at, expires_at, planned_at)
    SELECT m.tenant_id, m.message_id, 'campaign', m.campaign_id, m.version, m.step_key, m.steps_planned, m.enrolment_id,
           m.lead_id, l.import_id, l.person_hash, l.address_hash, m.mailbox_id, b.domain_id, l.receiver, trim_array(m.thread, 1),
           'planned', m.due_at, m.expires_at, :now
      FROM moved m
      JOIN mailfleet.leads l ON l.tenant_id = m.tenant_id AND l.lead_id = m.lead_id
      JOIN mailfleet.mailboxes b ON b.tenant_id = m.tenant_id AND b.mailbox_id = m.mailbox_id
    ON CONFLICT DO NOTHING
"""


def plan(conn: Connection, slots: Sequence[Slot], *, now: datetime) -> int:
    """These steps are messages now, each in its enrolment's thread; how many nobody had planned before."""
    return conn.execute(text(_PLAN), {
        "tenants": [slot.step.tenant_id for slot in slots], "enrolments": [slot.step.enrolment_id for slot in slots],
        "planned": [slot.step.steps_planned for slot in slots], "numbers": [slot.number for slot in slots],
        "versions": [slot.step.version for slot in slots], "keys": [slot.step.step_key for slot in slots],
        "dues": [slot.due_at for slot in slots], "expiries": [slot.expires_at for slot in slots], "now": now,
    }).rowcount  # fmt: skip
