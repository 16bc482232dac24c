"""The hot questions are answered from an index, also when the ledger is large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text

from db import claims, feedback, fleet, keeping, stories
from db.engine import Connection, plain_engine, transaction
from db.leases import Lease
from db.stories import Person
from tests.conftest import Ledger, fresh
from tests.house.rows import Filled, fill, hashed

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
MANY = 40_000
MONTH = f"{datetime.now(UTC):%Y_%m}"  # the partition that has rows
LARGE = (
    "messages",
    "leads",
    "enrolments",
    f"events_{MONTH}",
    f"attempts_{MONTH}",
    "suppressions",
    "refused_rows",
)

# Most messages have ended, a few wait: as in a ledger that has run for some time.
GROW = f"""
    INSERT INTO mailfleet.leads (tenant_id, direction_id, import_id, person_hash, address_hash, hash_key_id, address, domain,
                                 receiver, country, language, time_zone, basis, basis_source, basis_at, taken_at)
    SELECT tenant_id, direction_id, import_id, substr(sha256(n::text::bytea), 1, 16),
           substr(sha256(n::text::bytea), 1, 16), 1, n || '@many.example', 'many.example',
           'other', 'DE', 'de', 'Europe/Berlin', 'consent', 'fair', '2026-01-01', taken_at
      FROM mailfleet.leads, generate_series(1, {MANY}) AS n WHERE lead_id = :lead_id;
    INSERT INTO mailfleet.enrolments (tenant_id, campaign_id, lead_id, person_hash, mailbox_id, enrolled_at, state, ended,
                                      ended_at)
    SELECT tenant_id, :campaign_id, lead_id, person_hash, :mailbox_id, taken_at, 'ended', 'finished', taken_at
      FROM mailfleet.leads WHERE domain = 'many.example';
    INSERT INTO mailfleet.messages (tenant_id, message_id, kind, campaign_id, campaign_version, step_key, step_position,
           enrolment_id, lead_id, import_id, person_hash, address_hash, mailbox_id, domain_id, receiver, state, due_at,
           expires_at, node_id, egress_owner, egress_id, attempt, began_at, planned_at, submitted_at, ended_at)
    SELECT e.tenant_id, 100000 + e.enrolment_id, 'campaign', m.campaign_id, 1, 'hello', 1, e.enrolment_id, e.lead_id,
           m.import_id, e.person_hash, e.person_hash, m.mailbox_id, m.domain_id, 'other', s.state, m.due_at, m.expires_at,
           m.node_id, m.egress_owner, m.egress_id, 1, m.began_at, m.planned_at, m.submitted_at,
           CASE WHEN s.state = 'delivered' THEN m.submitted_at END
      FROM mailfleet.enrolments e JOIN mailfleet.messages m ON m.message_id = :message_id
     CROSS JOIN LATERAL (SELECT CASE WHEN e.enrolment_id % 100 = 0 THEN 'planned' ELSE 'delivered' END AS state) s
     WHERE e.state = 'ended';
    INSERT INTO mailfleet.events (tenant_id, message_id, event, source, before, after, occurred_at)
    SELECT tenant_id, message_id, 'accept', 'attempt', 'sending', 'submitted', due_at FROM mailfleet.messages;
    INSERT INTO mailfleet.attempts (tenant_id, message_id, attempt, node_id, egress_id, started_at, ended_at, outcome)
    SELECT tenant_id, message_id, 1, node_id, egress_id, began_at, began_at, 'accepted' FROM mailfleet.messages;
    INSERT INTO mailfleet.refused_rows (tenant_id, import_id, line, reason, address_hash)
    SELECT :tenant_id, :import_id, n, 'no_mx', substr(sha256(('r' || n)::bytea), 1, 16) FROM generate_series(10, {MANY}) AS n;
    INSERT INTO mailfleet.suppressions (kind, person_hash, hash_key_id, reason, since, evidence, actor)
    SELECT 'address', substr(sha256(('s' || n)::bytea), 1, 16), 1, 'hard', now(), 'x', 'x' FROM generate_series(1, {MANY}) AS n
"""


@pytest.fixture(scope="module")
def large(template: Ledger) -> Iterator[tuple[Ledger, Filled]]:
    with fresh(template) as ledger:
        with transaction(ledger.engine()) as conn:
            filled = fill(conn, "acme")
            for statement in GROW.split(";"):
                conn.execute(text(statement), vars(filled))
        with (
            plain_engine(ledger.url("owner"))
            .connect()
            .execution_options(isolation_level="AUTOCOMMIT") as owner
        ):
            owner.exec_driver_sql("ANALYZE")
        yield ledger, filled


@contextmanager
def plans(conn: Connection) -> Iterator[list[str]]:
    """The plan of every statement that runs meanwhile."""
    seen: list[str] = []

    def explain(_: object, cursor: Any, statement: str, values: Any, *__: object) -> None:
        if statement.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            with cursor.connection.cursor() as beside:
                beside.execute(f"EXPLAIN {statement}", values)
                seen.append("\n".join(row[0] for row in beside.fetchall()))

    event.listen(conn, "before_cursor_execute", explain)
    yield seen
    event.remove(conn, "before_cursor_execute", explain)


def asked(hashes: tuple[bytes, ...], many: int = 1) -> list[Person]:
    return [Person(hashes, "many.example")] * many


QUESTIONS: dict[str, tuple[str, Callable[[Connection, Filled], Any]]] = {
    "what is due on a node": (
        "node-1",
        lambda c, f: claims.lock_due(c, node_id=f.node_id, limit=100, now=NOW),
    ),
    "what the gate must know": (
        "node-1",
        lambda c, f: claims.candidates(c, [f.message_id, 100_200, 100_300], now=NOW),
    ),
    "to begin a chunk": (
        "node-1",
        lambda c, f: claims.begin(c, Lease(1, 1), [f.message_id, 100_200], now=NOW),
    ),
    "whose claims died": ("control", lambda c, _: claims.orphans(c, [Lease(1, 1)])),
    "which messages are held": ("control", lambda c, _: keeping.held(c, after=0, limit=100)),
    "what a report is about": ("control", lambda c, f: feedback.lock(c, f.message_id)),
    "a mailbox's list": ("control", lambda c, _: fleet.mailboxes(c, tenant="acme", now=NOW)),
    "whose lead it is": ("control", lambda c, _: stories.leads(c, asked((hashed("1"),)), None)),
    "which rows were refused": ("control", lambda c, _: stories.refusals(c, asked((hashed("1"),)), None)),
    "a person's messages": ("control", lambda c, _: stories.messages(c, asked((hashed("1"),)), None)),
    "a person's enrolments": ("control", lambda c, _: stories.enrolments(c, asked((hashed("1"),)), None)),
    "a person's events": ("control", lambda c, _: stories.happenings(c, asked((hashed("1"),)), None)),
    "a person's tries": ("control", lambda c, _: stories.tries(c, asked((hashed("1"),)), None)),
    "who barred a person": ("control", lambda c, _: stories.barred(c, asked((hashed("1"),)), None)),
    "what stopped a person's mail": ("control", lambda c, _: stories.stopped(c, asked((hashed("1"),)), None)),
    "a tenant's own story": ("tenant", lambda c, f: stories.messages(c, asked((hashed("1"),)), f.tenant_id)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_large_table_is_read_from_end_to_end_for(large: tuple[Ledger, Filled], question: str) -> None:
    ledger, filled = large
    role, ask = QUESTIONS[question]
    with transaction(ledger.engine(role), tenant=filled.tenant_id) as conn, plans(conn) as seen:
        ask(conn, filled)
    assert seen
    for plan in seen:
        for table in LARGE:
            assert f"Seq Scan on {table}" not in plan, plan


def test_the_claim_goes_by_the_index_of_what_is_due(large: tuple[Ledger, Filled]) -> None:
    ledger, filled = large
    with transaction(ledger.engine("node-1")) as conn, plans(conn) as seen:
        assert len(claims.lock_due(conn, node_id=filled.node_id, limit=100, now=NOW)) == 100
    assert "messages_due" in seen[-1]


def test_a_question_without_its_index_is_noticed(large: tuple[Ledger, Filled]) -> None:
    ledger, _ = large
    with plain_engine(ledger.url("owner")).connect() as conn, plans(conn) as seen:
        conn.execute(text("DROP INDEX mailfleet.leads_address"))
        stories.leads(conn, asked((hashed("1"),)), None)
        conn.rollback()
    assert "Seq Scan on leads" in seen[-1]
