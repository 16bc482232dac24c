"""Ordered locks and SKIP LOCKED, each taken out of a copy of the statement: the harm is seen, and not with them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from db import allowances, claims, clock
from db.allowances import Row
from db.engine import plain_engine
from mailfleet.policy.allowance import whole_hour
from tests.send.given import small_fleet

WITHOUT_FOREIGN_KEYS = """
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = 'messages'::regclass AND contype = 'f' LOOP
            EXECUTE format('ALTER TABLE messages DROP CONSTRAINT %I', name);
        END LOOP;
    END $$
"""
ROWS = [Row(1, "mailbox", key) for key in range(1, 9)]


def _rounds(ledger, lock: Callable[[Connection, list[Row], datetime], None]) -> int:
    """Four workers lock the same rows, each in an order of its own, many times. How many deadlocks there were."""
    engine = ledger.engine("node-1")
    with engine.begin() as conn:
        hour = whole_hour(clock.now(conn))
    start = threading.Barrier(4)
    deadlocks: list[BaseException | None] = []

    def work(seed: int) -> None:
        dice = random.Random(seed)
        start.wait()
        for _ in range(30):
            if deadlocks:
                return
            rows = dice.sample(ROWS, 6)
            try:
                with engine.begin() as conn:
                    lock(conn, rows, hour)
            except OperationalError as problem:
                deadlocks.append(problem.orig)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(one, DeadlockDetected) for one in deadlocks)
    return len(deadlocks)


def unordered(conn: Connection, rows: list[Row], hour: datetime) -> None:
    """What a worker does that counts each message as it comes."""
    for row in rows:
        conn.execute(text("""
            INSERT INTO allowances (tenant_id, dimension, key, hour, used) VALUES (1, :dimension, :key, :hour, 1)
            ON CONFLICT (dimension, key, receiver, hour) DO UPDATE SET used = allowances.used + 1
        """), {"dimension": row.dimension, "key": row.key, "hour": hour})  # fmt: skip


def test_allowances_locked_in_one_order_never_deadlock(ledger):
    assert _rounds(ledger, allowances.lock) == 0


@pytest.mark.slow
def test_allowances_locked_as_they_come_deadlock(ledger):
    assert _rounds(ledger, unordered) > 0


def test_a_claim_passes_over_what_another_has_locked_and_would_wait_for_it_otherwise(ledger):
    fleet = small_fleet(ledger)
    ids = [fleet.message(f"p{number}") for number in range(4)]
    engine = ledger.engine("node-1")
    with engine.begin() as first, engine.begin() as second:
        now = clock.now(first)
        mine = claims.lock_due(first, node_id=1, limit=2, now=now)
        theirs = claims.lock_due(second, node_id=1, limit=10, now=now)
        assert sorted(mine + theirs) == sorted(ids)
        second.execute(text("SET LOCAL lock_timeout = '100ms'"))
        waiting = claims.DUE.replace("SKIP LOCKED", "")
        with pytest.raises(OperationalError) as waited:
            second.execute(text(waiting), {"node": 1, "limit": 2, "now": now})
        assert isinstance(waited.value.orig, LockNotAvailable)
        second.rollback()


def test_without_row_locks_two_claims_would_get_the_same_messages(ledger):
    fleet = small_fleet(ledger)
    for number in range(4):
        fleet.message(f"p{number}")
    engine = ledger.engine("node-1")
    unlocked = text(
        "SELECT message_id FROM messages WHERE node_id = 1 AND state = 'planned' ORDER BY due_at, message_id LIMIT 2"
    )
    with engine.begin() as first, engine.begin() as second:
        assert first.execute(unlocked).all() == second.execute(unlocked).all()


def test_without_its_unique_index_a_message_would_be_planned_twice(ledger):
    """One message per person, campaign and step: the index says it, a scratch database without it does not."""
    fleet = small_fleet(ledger)
    number = fleet.message("bob")
    twice = """
        INSERT INTO messages SELECT (jsonb_populate_record(m, '{"message_id": 7}')).* FROM messages m WHERE message_id = :id
    """
    with pytest.raises(Exception, match="messages_once"):
        fleet.run(twice, id=number)
    with plain_engine(ledger.url("owner")).begin() as conn:
        conn.execute(text("DROP INDEX messages_once"))
    fleet.run(twice, id=number)
    assert fleet.states() == {"planned": 2}


@pytest.mark.slow
def test_the_claim_reads_the_index_of_what_is_due(ledger):
    """On 100,000 messages of which a tenth is due: no scan of the table, no sort."""
    fleet = small_fleet(ledger)
    number = fleet.message("bob")
    with plain_engine(ledger.url("owner")).begin() as conn:
        conn.execute(text("DROP INDEX messages_once"))
        conn.execute(text(WITHOUT_FOREIGN_KEYS))  # they cost most of the time, and the plan does not ask them
        conn.execute(text("""
            INSERT INTO messages
            SELECT (jsonb_populate_record(m, jsonb_build_object(
                       'message_id', n, 'due_at', now() + (n - 10000) * interval '1 second'))).*
              FROM messages m, generate_series(1, 100000) AS n WHERE m.message_id = :id
        """), {"id": number})  # fmt: skip
        conn.execute(text("ANALYZE messages"))
    with ledger.engine("node-1").begin() as conn:
        plan = (
            conn.execute(text("EXPLAIN " + claims.DUE), {"node": 1, "now": clock.now(conn), "limit": 200})
            .scalars()
            .all()
        )
    shown = "\n".join(plan)
    assert "Index Scan using messages_due" in shown
    assert "Seq Scan on messages" not in shown
    assert "Sort" not in shown
