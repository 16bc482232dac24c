"""The story of a person over all tenants: found by keyed hashes, a few statements for hundreds of people.

Each question is asked for many people at once; `asked` is the place of the person in the question.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Person:
    """The hashes of one address and of the person behind it, under every key that is kept, and its domain."""

    hashes: tuple[bytes, ...]
    domain: str


@dataclass(frozen=True)
class Lead:
    """The person as a tenant's lead."""

    asked: int
    tenant: str
    direction: str
    receiver: str
    flags: list[str]
    file: str
    basis: str
    basis_source: str
    basis_at: date
    taken_at: datetime


@dataclass(frozen=True)
class Refusal:
    """A row of a lead file that was not taken in."""

    asked: int
    tenant: str
    reason: str
    file: str
    line: int
    taken_at: datetime


@dataclass(frozen=True)
class Message:
    """One message to the person, as it stands."""

    asked: int
    tenant: str
    message_id: int
    campaign: str | None
    step: str | None
    kind: str
    state: str
    reason: str | None
    mailbox: str
    planned_at: datetime
    due_at: datetime  # of the next try, once there was one
    attempt: int
    hold_until: datetime | None


@dataclass(frozen=True)
class Enrolment:
    """The person in one campaign, and how that ended."""

    asked: int
    tenant: str
    campaign: str
    mailbox: str
    enrolled_at: datetime
    ended: str | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Happening:
    """An event of a message."""

    asked: int
    tenant: str
    message_id: int
    event: str
    source: str
    before: str
    after: str
    reply: str | None
    at: datetime
    number: int


@dataclass(frozen=True)
class Try:
    """An attempt of a message; `at` is the business time of what it led to."""

    asked: int
    tenant: str
    message_id: int
    attempt: int
    egress_id: int
    outcome: str
    about: str | None
    reply: str | None
    late: bool
    at: datetime


@dataclass(frozen=True)
class Barred:
    """A suppression that covers the person; `tenant` None: for every tenant."""

    asked: int
    tenant: str | None
    kind: str
    reason: str
    since: datetime
    expires_at: datetime | None
    evidence: str
    actor: str


@dataclass(frozen=True)
class Lifted:
    """Suppressions that an operator lifted; `tenant` None: for every tenant."""

    tenant: str | None
    reasons: list[str]
    consent: str | None
    actor: str
    at: datetime


@dataclass(frozen=True)
class Stopped:
    """A stop that stood when one of the person's messages was held, with the decision behind it."""

    asked: int
    tenant: str
    scope: str
    cause: str
    reason: str
    actor: str
    since: datetime
    ended_at: datetime | None
    incident: str | None
    evidence: dict[str, Any] | None


ROW = TypeVar("ROW")

# Three ways to a person: by the person's hash, by the address's, and by an enrolment that outlived its lead.
_FOUND = """
    asked AS (SELECT * FROM unnest(CAST(:asked AS int[]), CAST(:hashes AS bytea[])) AS a (asked, hash)),
    tenant AS (SELECT tenant_id, slug FROM mailfleet.tenants WHERE CAST(:tenant AS int) IS NULL OR tenant_id = :tenant),
    found AS (
        SELECT a.asked, l.tenant_id, l.lead_id
          FROM asked a CROSS JOIN tenant t JOIN mailfleet.leads l ON l.tenant_id = t.tenant_id AND l.person_hash = a.hash
         UNION
        SELECT a.asked, l.tenant_id, l.lead_id
          FROM asked a JOIN mailfleet.leads l ON l.address_hash = a.hash JOIN tenant t ON t.tenant_id = l.tenant_id
         UNION
        SELECT a.asked, e.tenant_id, e.lead_id
          FROM asked a CROSS JOIN tenant t JOIN mailfleet.enrolments e ON e.tenant_id = t.tenant_id AND e.person_hash = a.hash
    ),
    message AS (
        SELECT f.asked, t.slug AS tenant, m.*
          FROM found f JOIN mailfleet.messages m ON m.tenant_id = f.tenant_id AND m.lead_id = f.lead_id
          JOIN tenant t ON t.tenant_id = f.tenant_id
    )
"""


def leads(conn: Connection, people: Sequence[Person], tenant_id: int | None) -> list[Lead]:
    """Where they are leads."""
    return _rows(conn, Lead, people, tenant_id, """
        SELECT f.asked, t.slug AS tenant, d.slug AS direction, l.receiver, l.flags, i.file_name AS file, l.basis,
               l.basis_source, l.basis_at, l.taken_at
          FROM found f JOIN mailfleet.leads l USING (tenant_id, lead_id) JOIN tenant t USING (tenant_id)
          JOIN mailfleet.directions d USING (tenant_id, direction_id)
          JOIN mailfleet.imports i ON i.tenant_id = l.tenant_id AND i.import_id = l.import_id
         ORDER BY f.asked, t.slug
    """)  # fmt: skip


def refusals(conn: Connection, people: Sequence[Person], tenant_id: int | None) -> list[Refusal]:
    """Which rows of theirs were refused."""
    return _rows(conn, Refusal, people, tenant_id, """
        SELECT a.asked, t.slug AS tenant, r.reason, i.file_name AS file, r.line, i.taken_at
          FROM asked a JOIN mailfleet.refused_rows r ON r.address_hash = a.hash JOIN tenant t USING (tenant_id)
          JOIN mailfleet.imports i ON i.tenant_id = r.tenant_id AND i.import_id = r.import_id
         ORDER BY a.asked, t.slug, r.import_id, r.line
    """)  # fmt: skip


def messages(conn: Connection, people: Sequence[Person], tenant_id: int | None) -> list[Message]:
    """Their messages in the order of their steps."""
    return _rows(conn, Message, people, tenant_id, """
        SELECT m.asked, m.tenant, m.message_id, c.slug AS campaign, m.step_key AS step, m.kind, m.state, m.reason,
               b.address AS mailbox, m.planned_at, m.due_at, m.attempt, m.hold_until
          FROM message m JOIN mailfleet.mailboxes b USING (tenant_id, mailbox_id)
          LEFT JOIN mailfleet.campaigns c ON c.tenant_id = m.tenant_id AND c.campaign_id = m.campaign_id
         ORDER BY m.asked, m.tenant, c.slug, m.step_position, m.planned_at
    """)  # fmt: skip


def enrolments(conn: Connection, people: Sequence[Person], tenant_id: int | None) -> list[Enrolment]:
    """The campaigns they were put into."""
    return _rows(conn, Enrolment, people, tenant_id, """
        SELECT DISTINCT a.asked, t.slug AS tenant, c.slug AS campaign, b.address AS mailbox, e.enrolled_at, e.ended, e.ended_at
          FROM asked a CROSS JOIN tenant t
          JOIN mailfleet.enrolments e ON e.tenant_id = t.tenant_id AND e.person_hash = a.hash
          JOIN mailfleet.campaigns c ON c.tenant_id = e.tenant_id AND c.campaign_id = e.campaign_id
          JOIN mailfleet.mailboxes b ON b.tenant_id = e.tenant_id AND b.mailbox_id = e.mailbox_id
    """)  # fmt: skip


def happenings(conn: Connection, people: Sequence[Person], tenant_id: int | None) -> list[Happening]:
    """What happened to their messages."""
    return _rows(conn, Happening, people, tenant_id, """
        SELECT m.asked, m.tenant, m.message_id, e.event, e.source, e.before, e.after, e.reply, e.occurred_at AS at,
               e.event_id AS number
          FROM message m JOIN mailfleet.events e ON e.message_id = m.message_id ORDER BY e.event_id
    """)  # fmt: skip


def tries(conn: Connection, people: Sequence[Person], tenant_id: int | None) -> list[Try]:
    """How each try to send their messages ended. Attempts know the machine's time only: the business time is that
    of the event that came of it.
    """
    return _rows(conn, Try, people, tenant_id, """
        SELECT m.asked, m.tenant, m.message_id, a.attempt, a.egress_id, a.outcome, a.about, a.reply, a.late,
               coalesce((SELECT e.occurred_at FROM mailfleet.events e
                          WHERE e.message_id = m.message_id AND e.recorded_at >= a.started_at AND e.source = 'attempt'
                          ORDER BY e.event_id LIMIT 1), m.submitted_at, m.due_at) AS at
          FROM message m JOIN mailfleet.attempts a ON a.message_id = m.message_id ORDER BY a.attempt, a.recorded_at
    """)  # fmt: skip


def barred(conn: Connection, people: Sequence[Person], tenant_id: int | None) -> list[Barred]:
    """Why nobody, or no tenant of these, may write to them."""
    return _rows(conn, Barred, people, tenant_id, """
        , hit AS (
            SELECT a.asked, s.suppression_id FROM asked a JOIN mailfleet.suppressions s ON s.person_hash = a.hash
             UNION
            SELECT a.asked, s.suppression_id FROM asked a JOIN mailfleet.suppressions s ON s.address_hash = a.hash
             UNION
            SELECT d.asked, s.suppression_id
              FROM unnest(CAST(:places AS int[]), CAST(:domains AS text[])) AS d (asked, domain)
              JOIN mailfleet.suppressions s ON s.domain = d.domain
        )
        SELECT h.asked, t.slug AS tenant, s.kind, s.reason, s.since, s.expires_at, s.evidence, s.actor
          FROM hit h JOIN mailfleet.suppressions s USING (suppression_id) LEFT JOIN tenant t USING (tenant_id)
         WHERE s.tenant_id IS NULL OR t.tenant_id IS NOT NULL
    """)  # fmt: skip


def lifted(conn: Connection, subjects: Collection[str]) -> list[Lifted]:
    """What does not stand any more against who the audit calls so. Only the fleet's own session reads the audit."""
    rows = conn.execute(text("""
        SELECT details->>'tenant' AS tenant, ARRAY(SELECT jsonb_array_elements_text(details->'reasons')) AS reasons,
               details->>'new consent' AS consent, actor, coalesce(CAST(details->>'at' AS timestamptz), at) AS at
          FROM mailfleet.audit WHERE act = 'suppression lifted' AND subject = ANY(:subjects) ORDER BY seq
    """), {"subjects": list(subjects)})  # fmt: skip
    return [Lifted(**row) for row in rows.mappings()]


def stopped(conn: Connection, people: Sequence[Person], tenant_id: int | None) -> list[Stopped]:
    """The stops that stood over a message of theirs when it was held."""
    return _rows(conn, Stopped, people, tenant_id, """
        SELECT DISTINCT m.asked, m.tenant, s.scope, s.cause, s.reason, s.actor, s.since, s.ended_at,
               i.action || ': ' || i.cause AS incident, i.evidence
          FROM message m JOIN mailfleet.events e ON e.message_id = m.message_id AND e.event = 'hold'
         CROSS JOIN LATERAL (VALUES ('tenant', CAST(m.tenant_id AS bigint)), ('campaign', m.campaign_id),
                                    ('mailbox', m.mailbox_id), ('domain', m.domain_id), ('egress', m.egress_id),
                                    ('node', m.node_id), ('import', m.import_id)) AS scope (name, id)
          JOIN mailfleet.stops s ON s.scope = scope.name AND s.scope_id = scope.id AND s.since <= e.occurred_at
                                AND (s.ended_at IS NULL OR s.ended_at >= e.occurred_at)
          LEFT JOIN mailfleet.incidents i USING (incident_id)
    """)  # fmt: skip


def _rows(
    conn: Connection, kind: type[ROW], people: Sequence[Person], tenant_id: int | None, question: str
) -> list[ROW]:
    pairs = [(place, each) for place, person in enumerate(people) for each in person.hashes]
    rows = conn.execute(text(f"WITH {_FOUND} {question}"), {
        "asked": [place for place, _ in pairs], "hashes": [each for _, each in pairs], "tenant": tenant_id,
        "places": list(range(len(people))), "domains": [person.domain for person in people],
    })  # fmt: skip
    return [kind(**row) for row in rows.mappings()]
