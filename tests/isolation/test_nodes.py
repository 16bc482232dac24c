"""A node sees and moves its own messages only, and nothing of them but state, claim and result."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from db.engine import transaction
from tests.isolation.ask import ask, columns, owner, tables
from tests.isolation.world import World

MOVABLE = {
    "state", "reason", "due_at", "hold_until", "lease_id", "fence", "allowed_hour", "attempt", "began_at", "queue_ref",
    "submitted_at", "ended_at",
}  # fmt: skip


def test_a_node_sees_its_own_messages_only(world: World) -> None:
    assert ask(world.one, "SELECT array_agg(message_id) FROM mailfleet.messages") == [world.acme.message_id]
    assert ask(world.two, "SELECT array_agg(message_id) FROM mailfleet.messages") == [world.bolt.message_id]


def test_a_node_sees_no_row_that_names_another_node(world: World) -> None:
    with owner(world.ledger).connect() as conn:
        named = [table for table in tables(conn) if "node_id" in columns(conn, table)]
    assert len(named) >= 8
    readable = 0
    for table in named:
        seen = ask(world.one, f"SELECT array_agg(DISTINCT node_id) FROM mailfleet.{table}")
        assert seen in ("denied", [world.acme.node_id]), table
        readable += seen != "denied"
    assert readable >= 7


def test_a_node_sees_the_people_of_its_waiting_messages_only(world: World) -> None:
    who = "SELECT array_agg(tenant_id) FROM mailfleet.leads"
    assert ask(world.one, who) is None, "acme's message has left: nothing about its person is needed any more"
    assert ask(world.two, who) == [world.bolt.tenant_id]


def test_a_node_sees_only_tenants_and_texts_it_sends_for(world: World) -> None:
    for table in (
        "tenants",
        "domains",
        "mailboxes",
        "directions",
        "routes",
        "campaigns",
        "campaign_versions",
        "campaign_steps",
    ):
        seen = ask(world.one, f"SELECT array_agg(DISTINCT tenant_id) FROM mailfleet.{table}")
        assert seen == [world.acme.tenant_id], table


def test_a_node_moves_its_own_message_and_no_other(own_world: World) -> None:
    move = "UPDATE mailfleet.messages SET state = 'dropped', reason = 'suppressed', ended_at = now() WHERE message_id = :id"
    assert ask(own_world.two, move, {"id": own_world.bolt.message_id}) == 1
    assert ask(own_world.one, move, {"id": own_world.bolt.message_id}) == 0
    assert ask(own_world.one, "UPDATE mailfleet.messages SET reason = 'x'") == 1


def test_a_node_updates_state_claim_and_result_and_no_other_column(own_world: World) -> None:
    with owner(own_world.ledger).connect() as conn:
        every = columns(conn, "messages")
    allowed = {c for c in every if ask(own_world.one, f"UPDATE mailfleet.messages SET {c} = {c}") != "denied"}
    assert allowed == MOVABLE & set(every)
    assert {"node_id", "egress_id", "tenant_id", "person_hash", "mailbox_id"}.isdisjoint(allowed)


def test_a_node_cannot_hand_a_message_to_another_node(own_world: World) -> None:
    """Even with the right to write the column the policy's check refuses it."""
    give = """
        UPDATE mailfleet.messages
           SET node_id = NULL, egress_id = NULL, egress_owner = NULL, state = 'planned', submitted_at = NULL
    """
    assert ask(own_world.one, give) == "denied"
    with owner(own_world.ledger).begin() as conn:
        conn.execute(text(f'GRANT UPDATE ON mailfleet.messages TO "{own_world.ledger.roles.name("nodes")}"'))
    assert ask(own_world.one, give) == "denied"


def test_a_node_makes_and_deletes_no_message(world: World) -> None:
    assert ask(world.one, "INSERT INTO mailfleet.messages DEFAULT VALUES") == "denied"
    assert ask(world.one, "DELETE FROM mailfleet.messages") == "denied"


@pytest.mark.parametrize("table", ["audit", "imports", "refused_rows"])
def test_a_node_has_no_business_with(world: World, table: str) -> None:
    assert ask(world.one, f"SELECT count(*) FROM mailfleet.{table}") == "denied"


@pytest.mark.parametrize(("what", "statement"), [
    ("an operator's stop", """INSERT INTO mailfleet.stops (scope, scope_id, cause, reason, actor, since)
                              VALUES ('node', 1, 'operator', 'x', 'x', now())"""),
    ("an unsubscribe", """INSERT INTO mailfleet.suppressions (kind, person_hash, hash_key_id, reason, since, evidence, actor)
                          VALUES ('address', 'x', 1, 'unsubscribe', now(), 'x', 'x')"""),
    ("a suppressed domain", """INSERT INTO mailfleet.suppressions (kind, domain, reason, since, evidence, actor)
                               VALUES ('domain', 'x.example', 'hard', now(), 'x', 'x')"""),
    ("the end of a suppression", "DELETE FROM mailfleet.suppressions"),
    ("a one-click", """INSERT INTO mailfleet.inbox (source, place, body, received_at) VALUES ('one_click', 'x', 'x', now())"""),
    ("another node's log", """INSERT INTO mailfleet.inbox (source, node_id, place, body, received_at)
                              VALUES ('node_log', :other, 'x', 'x', now())"""),
    ("another node's try", """INSERT INTO mailfleet.attempts (tenant_id, message_id, attempt, node_id, egress_id, started_at,
                              ended_at, outcome) VALUES (1, 1, 1, :other, 1, now(), now(), 'accepted')"""),
    ("a try of another's message", """INSERT INTO mailfleet.attempts (tenant_id, message_id, attempt, node_id, egress_id,
                                      started_at, ended_at, outcome, late)
                                      VALUES (:tenant, :message, 1, :own, 1, now(), now(), 'refused', true)"""),
    ("a queue id of another's message", """INSERT INTO mailfleet.queue_ids (node_id, queue_id, message_id)
                                           VALUES (:own, 'x', :message)"""),
    ("another's message for its queue id", "UPDATE mailfleet.queue_ids SET message_id = :message WHERE node_id = :own"),
    ("an event of another's message", """INSERT INTO mailfleet.events (tenant_id, message_id, event, source, before, after,
                              occurred_at) VALUES (:tenant, :message, 'accept', 'attempt', 'sending', 'submitted', now())"""),
    ("a verdict on another's message", """INSERT INTO mailfleet.verdicts (tenant_id, message_id, verdict, mailbox_id, domain_id,
                              receiver, judged_at) VALUES (:tenant, :message, 'hard', 1, 1, 'x', now())"""),
    ("another node's heartbeat", "INSERT INTO mailfleet.heartbeats (node_id, beat_at, worker) VALUES (:other, now(), 'x')"),
    ("another node's chunks", "INSERT INTO mailfleet.node_chunks (node_id, chunk) VALUES (:other, 7)"),
    ("no chunks", "DELETE FROM mailfleet.node_chunks"),
    ("another node's lease", "INSERT INTO mailfleet.leases (name, node_id, holder, expires_at) VALUES ('x', :other, 'x', now())"),
    ("another node's queue", "INSERT INTO mailfleet.queue_ids (node_id, queue_id, message_id) VALUES (:other, 'x', 1)"),
    ("an open ledger", "UPDATE mailfleet.ledger_epoch SET state = 'open', epoch = epoch + 1"),
    ("another name for itself", "UPDATE mailfleet.nodes SET name = 'node-9'"),
    ("an alert that was told", """INSERT INTO mailfleet.outbox (event, resource, payload, emitted_at)
                                  VALUES ('mailfleet.x', 'x', '{}', now())"""),
])  # fmt: skip
def test_a_node_writes_no(world: World, what: str, statement: str) -> None:
    with owner(world.ledger).connect() as conn:
        other = conn.execute(text("SELECT node_id FROM mailfleet.nodes WHERE name = 'node-2'")).scalar()
    values = {
        "other": other,
        "own": world.acme.node_id,
        "tenant": world.bolt.tenant_id,
        "message": world.bolt.message_id,
    }
    assert ask(world.one, statement, values) == "denied", what


def test_a_node_ends_no_stop_that_stands(own_world: World) -> None:
    stop = """
        INSERT INTO mailfleet.stops (scope, scope_id, cause, reason, actor, incident_id, since, until)
        SELECT 'campaign', 1, :cause, 'x', 'x', max(incident_id), '2020-01-01Z', :until FROM mailfleet.incidents
    """
    for cause, until in (("operator", None), ("operator", "2020-01-02"), ("breaker", None)):
        with transaction(own_world.ledger.engine()) as conn:
            conn.execute(text("DELETE FROM mailfleet.stops"))
            conn.execute(text(stop), {"cause": cause, "until": until})
        assert ask(own_world.one, "UPDATE mailfleet.stops SET ended_at = now(), ended_by = 'x'") == 0, (
            cause,
            until,
        )


def test_skip_locked_under_a_policy_of_reading_alone_finds_nothing_and_says_nothing(own_world: World) -> None:
    """Why a node's policy on messages is FOR ALL: with FOR SELECT the claim would be empty for ever."""
    claim = "SELECT count(*) FROM (SELECT FROM mailfleet.messages FOR UPDATE SKIP LOCKED) AS taken"
    assert ask(own_world.one, claim) == 1
    with owner(own_world.ledger).begin() as conn:
        conn.execute(text("DROP POLICY own ON mailfleet.messages"))
        conn.execute(text(f"""
            CREATE POLICY own ON mailfleet.messages FOR SELECT TO "{own_world.ledger.roles.name("nodes")}"
                   USING (node_id = (SELECT mailfleet.my_node()))
        """))  # fmt: skip
    assert ask(own_world.one, "SELECT count(*) FROM mailfleet.messages") == 1
    assert ask(own_world.one, claim) == 0


def test_a_login_that_is_no_node_of_ours_sees_nothing(own_world: World) -> None:
    with transaction(own_world.ledger.engine()) as conn:
        conn.execute(text("UPDATE mailfleet.nodes SET role_name = 'moved-' || name WHERE name = 'node-1'"))
    for table in ("messages", "leads", "leases", "egresses", "tenants", "queue_ids"):
        assert ask(own_world.one, f"SELECT count(*) FROM mailfleet.{table}") == 0, table
