"""Constraints taken out, in a scratch database: the harm that each of them keeps away happens."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db import audit, inbox, stops, suppressions, tenants
from db.engine import transaction
from db.inbox import Arrival
from db.stops import NewStop
from db.suppressions import NewSuppression
from db.tenants import WrappedKey
from tests.conftest import Ledger
from tests.isolation.ask import ask, owner
from tests.isolation.world import World

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
GONE = NewSuppression(None, "hard", "550 5.1.1", "node-1", person_hash=b"p" * 16, hash_key_id=1)


def without(ledger: Ledger, *statements: str) -> None:
    """The scratch database without a protection."""
    with owner(ledger).begin() as conn:
        for statement in statements:
            conn.execute(text(statement))


def arrive(ledger: Ledger) -> int:
    with transaction(ledger.engine()) as conn:
        return inbox.put(
            conn, [Arrival(b"the same DSN", "b.acme.example", b"...")], source="maildir", now=NOW
        )


def test_a_report_that_is_delivered_twice_counts_once_and_without_its_key_twice(ledger: Ledger) -> None:
    assert [arrive(ledger), arrive(ledger)] == [1, 0]
    without(ledger, "ALTER TABLE mailfleet.event_keys DROP CONSTRAINT event_keys_pkey")
    assert [arrive(ledger), arrive(ledger)] == [1, 1]
    assert ask(ledger.engine(), "SELECT count(*) FROM mailfleet.inbox") == 3


def suppress(ledger: Ledger) -> int:
    with transaction(ledger.engine()) as conn:
        return suppressions.suppress(conn, [GONE], now=NOW)


def test_the_same_suppression_is_one_row_and_without_its_key_a_row_each_time(ledger: Ledger) -> None:
    assert [suppress(ledger), suppress(ledger)] == [1, 0]
    name = "suppressions_kind_tenant_id_person_hash_address_hash_domain_key"
    without(ledger, f"ALTER TABLE mailfleet.suppressions DROP CONSTRAINT {name}")
    assert suppress(ledger) == 1


def test_nulls_that_are_distinct_would_let_every_global_suppression_in_again(ledger: Ledger) -> None:
    """Why the key says NULLS NOT DISTINCT: for every tenant means tenant_id NULL."""
    name = "suppressions_kind_tenant_id_person_hash_address_hash_domain_key"
    without(
        ledger,
        f"ALTER TABLE mailfleet.suppressions DROP CONSTRAINT {name}",
        "ALTER TABLE mailfleet.suppressions ADD UNIQUE (kind, tenant_id, person_hash, address_hash, domain, reason)",
    )
    assert [suppress(ledger), suppress(ledger)] == [1, 1]


def test_a_scope_is_stopped_once_by_each_cause_and_without_the_index_again_and_again(
    own_world: World,
) -> None:
    def stop() -> bool:
        new = NewStop(
            "campaign", own_world.bolt.campaign_id, own_world.bolt.tenant_id, "operator", "x", "anna", None
        )
        with transaction(own_world.ledger.engine()) as conn:
            return stops.stop(conn, new, now=NOW)

    assert [stop(), stop()] == [True, False]
    without(own_world.ledger, "DROP INDEX mailfleet.stops_open")
    with pytest.raises(Exception, match="no unique or exclusion constraint"):
        stop()


def test_two_who_act_at_once_stand_one_after_the_other_in_the_audit(ledger: Ledger) -> None:
    """The lock is held until the commit: without it both would name the same act as the one before theirs."""
    act = {"actor": "anna", "act": "x", "subject": "x", "details": {}}
    with ledger.engine().connect() as one, ledger.engine().connect() as other:
        assert audit.append(one, **act) == 1
        other.execute(text("SET LOCAL lock_timeout = '200ms'"))
        with pytest.raises(Exception, match="lock timeout"):
            audit.append(other, **act)
        other.rollback()
        one.commit()
        assert audit.append(other, **act) == 2
        other.commit()
    with transaction(ledger.engine()) as conn:
        assert audit.verify(conn) is None


def test_a_key_that_leaves_the_tenant_out_lets_a_row_lean_on_another_tenants(own_world: World) -> None:
    lean = "UPDATE mailfleet.mailboxes SET domain_id = :theirs WHERE tenant_id = :mine"
    values = {"theirs": own_world.bolt.domain_id, "mine": own_world.acme.tenant_id}
    with pytest.raises(IntegrityError) as refused:
        ask(own_world.ledger.engine(), lean, values)
    assert isinstance(refused.value.orig, errors.ForeignKeyViolation)
    without(
        own_world.ledger,
        "ALTER TABLE mailfleet.domains ADD UNIQUE (domain_id)",
        "ALTER TABLE mailfleet.mailboxes DROP CONSTRAINT mailboxes_tenant_id_domain_id_fkey",
        "ALTER TABLE mailfleet.mailboxes ADD FOREIGN KEY (domain_id) REFERENCES mailfleet.domains (domain_id)",
    )
    assert ask(own_world.ledger.engine(), lean, values) == 1


def test_a_slug_names_one_tenant(ledger: Ledger) -> None:
    def add() -> int | None:
        words = {
            "slug": "acme",
            "name": "Acme",
            "legal_name": None,
            "postal_address": None,
            "contact": None,
            "privacy_url": None,
        }
        with transaction(ledger.engine()) as conn:
            return tenants.add(conn, words | {"daily_limit": 1}, WrappedKey(1, b"x"), now=NOW)

    assert add() is not None
    assert add() is None
