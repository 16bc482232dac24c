"""Every constraint of the ledger is broken once: what must not be cannot be written."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db.engine import Connection
from tests.isolation.ask import columns, owner, writable
from tests.isolation.world import World

# Of one table and one constraint: the change of existing rows that it must refuse. {odd} is a word no list knows.
CHANGES = {
    "allowances": {
        "allowances_dimension_check": "dimension = {odd}",
        "allowances_used_check": "used = -1",
    },
    "attempts": {
        "attempts_about_check": "about = {odd}",
        "attempts_outcome_check": "outcome = {odd}",
    },
    "audit": {
        "audit_hash_key": "hash = sha256('x')",
        "audit_seq_check": "seq = 0 WHERE seq = 1",
    },
    "campaign_steps": {
        "campaign_steps_delay_days_check": "delay_days = -1",
        "campaign_steps_position_check": "position = 0",
        "campaign_steps_step_key_check": "step_key = 'Step 1'",
    },
    "campaign_versions": {
        "approval_has_an_actor": "approved_at = now()",
        "campaign_versions_daily_limit_check": "daily_limit = 0",
        "campaign_versions_version_check": "version = 0",
        "the_window_opens": "window_end = window_start",
    },
    "campaigns": {"campaigns_slug_check": "slug = 'Spring Sale'"},
    "clock": {
        "clock_one_check": "one = false",
        "only_a_demo_has_an_anchor": "business_at = now()",
    },
    "directions": {"directions_slug_check": "slug = '-'"},
    "domains": {
        "domains_bounce_domain_key": "bounce_domain = 'b.same.example'",
        "domains_hourly_limit_check": "hourly_limit = -1",
        "domains_name_key": "name = 'same.example'",
    },
    "egresses": {
        "egresses_connections_check": "connections = 0",
        "egresses_daily_limit_check": "daily_limit = -1",
        "egresses_kind_check": "kind = {odd}",
        "egresses_name_key": "name = 'same'",
        "egresses_owner_id_check": "owner_id = -1",
        "egresses_port_check": "port = 65536",
        "egresses_tls_check": "tls = {odd}",
    },
    "enrolments": {
        "an_end_has_a_reason": "state = 'ended'",
        "enrolments_ended_check": "state = 'ended', ended_at = now(), ended = {odd}",
        "enrolments_state_check": "state = {odd}",
    },
    "events": {"events_source_check": "source = {odd}"},
    "imports": {
        "books_balance": "rows = rows + 1",
        "imports_accepted_check": "accepted = -1, rows = 0, known = -2",
        "imports_check": "known = accepted + 1",
        "imports_refused_check": "refused = -1, rows = 0",
    },
    "inbox": {
        "applied_once": "applied_at = now()",
        "inbox_source_check": "source = {odd}",
    },
    "incidents": {
        "incidents_action_check": "action = {odd}",
        "incidents_open": "scope_id = 1",
        "incidents_scope_check": "scope = {odd}",
    },
    "leads": {
        "leads_address_check": "address = 'olga@x.example' || chr(13) || 'Bcc: all'",
        "leads_address_hash_check": "address_hash = 'short'",
        "leads_person_hash_check": "person_hash = 'short'",
        "no_control_characters": "given_name = 'Olga' || chr(10)",
    },
    "leases": {"leases_name_key": "name = 'same'"},
    "ledger_epoch": {
        "ledger_epoch_one_check": "one = false",
        "ledger_epoch_state_check": "state = {odd}",
    },
    "mailboxes": {
        "mailboxes_address_key": "address = 'same@x.example'",
        "mailboxes_daily_limit_check": "daily_limit = -1",
        "mailboxes_hourly_limit_check": "hourly_limit = -1",
    },
    "messages": {
        "a_campaign_message_is_whole": "import_id = NULL",
        "a_claim_took_its_allowances": "state = 'claimed', lease_id = (SELECT min(lease_id) FROM mailfleet.leases), fence = 1",
        "a_hold_has_reason_and_end": "state = 'held', hold_until = now()",
        "a_route_is_whole": "egress_owner = NULL",
        "an_end_has_a_time": "state = 'bounced'",
        "messages_kind_check": "kind = {odd}",
        "messages_state_check": "state = {odd}",
        "only_a_batch_has_a_lease": "state = 'sending'",
        "our_decisions_have_a_reason": "state = 'unknown'",
        "own_or_shared_egress": "egress_owner = 999",
        "what_was_accepted_has_a_time": "state = 'submitted', submitted_at = NULL",
        "what_was_begun_has_a_route": "state = 'unknown', reason = 'x', node_id = NULL, egress_id = NULL, egress_owner = NULL",
        "what_was_begun_has_a_start": "state = 'unknown', reason = 'x', began_at = NULL",
    },
    "nodes": {
        "nodes_name_check": "name = 'Node One'",
        "nodes_name_key": "name = 'same'",
        "nodes_role_name_key": "role_name = 'same'",
    },
    "outbox": {"outbox_event_check": "event = 'campaign.paused'"},
    "refused_rows": {
        "refused_rows_line_check": "line = 0",
        "refused_rows_reason_check": "reason = {odd}",
    },
    "routes": {
        "own_or_shared_egress": "egress_owner = 999",
        "routes_position_check": "position = 0",
    },
    "stops": {
        "a_breaker_has_its_incident": "incident_id = NULL",
        "stops_cause_check": "cause = {odd}",
        "stops_open": "ended_at = NULL, scope_id = 1",
        "stops_scope_check": "scope = {odd}",
    },
    "suppressions": {
        "a_kind_has_its_key": "person_hash = NULL",
        "some_never_expire": "expires_at = now()",
        "suppressions_kind_check": "kind = {odd}, person_hash = NULL, hash_key_id = NULL, domain = 'x.example'",
        "suppressions_reason_check": "reason = {odd}",
    },
    "tenants": {
        "tenants_daily_limit_check": "daily_limit = -1",
        "tenants_slug_check": "slug = 'Acme Ltd'",
        "tenants_slug_key": "slug = 'same'",
    },
    "verdicts": {
        "a_complaint_has_a_time": "complained = true",
        "verdicts_verdict_check": "verdict = {odd}",
    },
}  # fmt: skip

# What only a second row can break: the row that is put in beside the first, as a copy with these changes.
TWINS = {
    "campaign_steps": {"campaign_steps_tenant_id_campaign_id_version_position_key": {"step_key": "'other'"}},
    "campaigns": {"campaigns_tenant_id_slug_key": {}},
    "directions": {"directions_tenant_id_slug_key": {}},
    "egresses": {
        "egresses_egress_id_key": {
            "owner_id": "0",
            "name": "'other'",
            "node_id": "(SELECT max(node_id) FROM mailfleet.nodes)",
        },
        "egresses_node_id_egress_id_key": {"owner_id": "0", "name": "'other'"},
    },
    "enrolments": {"enrolments_tenant_id_campaign_id_lead_id_key": {}},
    "leads": {"leads_tenant_id_person_hash_key": {}},
    "messages": {
        "messages_once": {"message_id": "message_id + 1"},
        "messages_tenant_id_message_id_key": {},
    },
    "routes": {"routes_tenant_id_mailbox_id_egress_id_key": {"position": "2"}},
    "suppressions": {"suppressions_kind_tenant_id_person_hash_address_hash_domain_key": {}},
}
EVERY = [
    *(
        (table, name, f"UPDATE mailfleet.{table} SET {change}")
        for table, few in CHANGES.items()
        for name, change in few.items()
    ),
    *((table, name, "") for table, few in TWINS.items() for name in few),
]
# These stand beside a primary key that says the same of an exact copy, and may answer in its stead.
EITHER = {
    "egresses_egress_id_key": {"egresses_node_id_egress_id_key"},
    "egresses_node_id_egress_id_key": {"egresses_egress_id_key"},
    "messages_tenant_id_message_id_key": {"messages_pkey"},
}


@pytest.mark.parametrize(
    ("table", "name", "change"), EVERY, ids=[f"{table}.{name}" for table, name, _ in EVERY]
)
def test_what_must_not_be_cannot_be(world: World, table: str, name: str, change: str) -> None:
    with owner(world.ledger).connect() as conn:
        statement = change.replace("{odd}", "'nonsense'") or _twin(conn, table, TWINS[table][name])
        conn.execute(text("ALTER TABLE mailfleet.clock DISABLE TRIGGER USER"))
        with pytest.raises(IntegrityError) as refused:
            conn.execute(text(statement))
        conn.rollback()
    assert _name(refused.value) in {name} | EITHER.get(name, set())


def test_every_constraint_is_broken_once(world: World) -> None:
    with owner(world.ledger).connect() as conn:
        rows = conn.execute(text("""
            SELECT conrelid::regclass::text AS relation, conname::text AS name
              FROM pg_constraint c JOIN pg_class r ON r.oid = conrelid
             WHERE connamespace = 'mailfleet'::regnamespace AND contype IN ('c', 'u') AND NOT relispartition
             UNION
            SELECT indrelid::regclass::text, indexrelid::regclass::text FROM pg_index i JOIN pg_class r ON r.oid = indrelid
             WHERE relnamespace = 'mailfleet'::regnamespace AND indisunique AND NOT indisprimary AND NOT relispartition
        """))  # fmt: skip
        there = {(row.relation, row.name) for row in rows}
    assert there == {(table, name) for table, name, _ in EVERY}


def _twin(conn: Connection, table: str, changes: dict[str, str]) -> str:
    identity = set(columns(conn, table)) - set(writable(conn, table)) if table != "egresses" else set()
    names = [name for name in columns(conn, table) if name not in identity]
    values = ", ".join(changes.get(name, name) for name in names)
    return (
        f"INSERT INTO mailfleet.{table} ({', '.join(names)}) OVERRIDING SYSTEM VALUE "
        f"SELECT {values} FROM mailfleet.{table} LIMIT 1"
    )


def _name(refused: IntegrityError) -> str:
    return refused.orig.diag.constraint_name or ""  # type: ignore[union-attr]
