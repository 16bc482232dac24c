"""The last gate: what was committed before a chunk begins stops it, and what is not begun is given back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from db import claims, clock, epoch, leases
from mailfleet.acts.begin_chunk import Chunk, begin_chunk, drop, give_back
from mailfleet.acts.claim_batch import Batch
from tests.send.given import Fleet, small_fleet
from tests.send.test_claim import claim, end_enrolment


@pytest.fixture
def fleet(ledger):
    return small_fleet(ledger)


def begin(fleet: Fleet, batch: Batch) -> Chunk:
    with fleet.ledger.engine("node-1").begin() as conn:
        return begin_chunk(conn, batch.lease, batch.message_ids, now=clock.now(conn))


def claimed(fleet: Fleet, *who: str) -> Batch:
    for name in who or ("bob",):
        fleet.message(name)
    return claim(fleet.ledger.engine("node-1"))


def test_a_begun_chunk_is_sending_with_its_try_and_start(fleet):
    batch = claimed(fleet, "a", "b")
    chunk = begin(fleet, batch)
    assert {one.message_id for one in chunk.begun} == set(batch.message_ids)
    assert {one.attempt for one in chunk.begun} == {1}
    assert fleet.states() == {"sending": 2}
    assert fleet.used() == 2
    assert begin(fleet, batch).begun == ()


STOPPABLE = {
    "tenant": "acme", "campaign": "acme campaign", "mailbox": "acme mailbox", "domain": "acme domain", "egress": "out",
    "node": "node-1", "import": "acme import",
}  # fmt: skip
LATE = {
    "an unsubscribe": (lambda f: f.suppress("bob"), "dropped", "suppressed: unsubscribe"),
    "a global suppression": (lambda f: f.suppress("bob", slug=None, reason="hard"), "dropped", "suppressed: hard"),
    "an answer": (lambda f: end_enrolment(f, "answered"), "dropped", "answered"),
    "an erasure": (lambda f: f.run("DELETE FROM leads"), "dropped", "no legal basis"),
    **{f"a stopped {scope}": (lambda f, scope=scope, name=name: f.stop(scope, f.ids[name]), "held", f"{scope} stopped: a test")
       for scope, name in STOPPABLE.items()},
    "its last moment": (lambda f: f.run("UPDATE messages SET expires_at = now()"), "expired", "its time passed"),
}  # fmt: skip


@pytest.mark.parametrize("case", LATE)
def test_what_was_committed_after_the_claim_stops_the_begin_and_costs_nothing(fleet, case):
    forbid, state, reason = LATE[case]
    batch = claimed(fleet)
    forbid(fleet)
    chunk = begin(fleet, batch)
    assert chunk.begun == ()
    assert dict(chunk.turned_away) == {state: 1}
    assert fleet.state(batch.message_ids[0]) == (state, reason)
    assert fleet.used() == 0
    assert fleet.run("SELECT before, after FROM events") == [("claimed", state)]


def test_the_others_of_the_chunk_go(fleet):
    batch = claimed(fleet, "bob", "alice")
    fleet.suppress("bob")
    chunk = begin(fleet, batch)
    assert len(chunk.begun) == 1
    assert fleet.states() == {"dropped": 1, "sending": 1}
    assert fleet.used() == 1


def test_nothing_begins_on_a_lease_that_is_short_and_cannot_be_renewed(fleet):
    batch = claimed(fleet)
    fleet.run("UPDATE leases SET expires_at = clock_timestamp() - interval '1 s'")
    assert begin(fleet, batch).begun == ()
    assert fleet.states() == {"planned": 1}


def test_a_short_lease_that_is_still_held_is_renewed_first(fleet):
    batch = claimed(fleet)
    fleet.run("UPDATE leases SET expires_at = clock_timestamp() + interval '30 s'")
    assert len(begin(fleet, batch).begun) == 1
    assert fleet.one("SELECT min(expires_at) > clock_timestamp() + interval '60 s' FROM leases")


def test_nothing_begins_for_a_lease_that_somebody_took_over(fleet):
    batch = claimed(fleet)
    fleet.run("UPDATE leases SET fence = fence + 1")
    chunk = begin(fleet, batch)
    assert chunk.begun == ()
    assert fleet.states() == {"claimed": 1}  # the new holder's to decide


def test_nothing_begins_while_the_ledger_is_held(fleet):
    batch = claimed(fleet)
    with fleet.engine.begin() as conn:
        epoch.hold(conn, "a test")
    assert begin(fleet, batch).begun == ()
    assert fleet.states() == {"planned": 1}


def test_chunks_are_numbered_upwards(fleet):
    first = begin(fleet, claimed(fleet, "a")).number
    assert begin(fleet, claimed(fleet, "b")).number > first


def test_what_is_given_back_is_due_again_and_costs_nothing(fleet):
    batch = claimed(fleet, "a", "b", "c")
    with fleet.ledger.engine("node-1").begin() as conn:
        assert give_back(conn, batch.lease, batch.message_ids[:2], now=clock.now(conn)) == 2
    assert fleet.states() == {"claimed": 1, "planned": 2}
    assert [fleet.used(dimension) for dimension in ("tenant", "campaign", "domain", "mailbox", "egress")] == [
        1
    ] * 5
    assert len(claim(fleet.ledger.engine("node-1")).message_ids) == 2


def test_it_is_given_back_to_the_hour_it_was_taken_from(fleet):
    batch = claimed(fleet)
    fleet.run("UPDATE allowances SET hour = hour - interval '5 hours'")
    fleet.run("UPDATE messages SET allowed_hour = allowed_hour - interval '5 hours'")
    fleet.run(
        "INSERT INTO allowances (dimension, key, hour, used) VALUES ('mailbox', :box, date_trunc('hour', now()), 7)",
        box=fleet.ids["acme mailbox"],
    )
    with fleet.ledger.engine("node-1").begin() as conn:
        give_back(conn, batch.lease, batch.message_ids, now=clock.now(conn))
    assert fleet.used() == 7


def test_what_cannot_be_written_is_dropped_with_its_reason(fleet):
    batch = claimed(fleet)
    with fleet.ledger.engine("node-1").begin() as conn:
        drop(conn, batch.lease, {batch.message_ids[0]: "text: no"}, now=clock.now(conn))
    assert fleet.state(batch.message_ids[0]) == ("dropped", "text: no")
    assert fleet.used() == 0


def test_without_the_checks_in_its_statement_a_begin_would_write_to_somebody_who_left(fleet):
    """The harm: the same statement without them begins a message of somebody suppressed after the claim."""

    checked = claims.BEGIN
    unchecked = checked[: checked.index("AND NOT EXISTS")] + "RETURNING m.message_id, m.attempt, m.began_at"
    batch = claimed(fleet)
    fleet.suppress("bob")
    with fleet.ledger.engine("node-1").begin() as conn:
        rows = conn.execute(
            text(unchecked), vars(batch.lease) | {"ids": list(batch.message_ids), "now": clock.now(conn)}
        )
        assert len(rows.all()) == 1
        conn.rollback()
    assert begin(fleet, batch).begun == ()


class TestLease:
    def test_one_holder_at_a_time(self, fleet):
        with fleet.ledger.engine("node-1").begin() as conn:
            held = leases.take(conn, name="wave node-1", node_id=1, holder="one")
            assert leases.take(conn, name="wave node-1", node_id=1, holder="two") is None
            again = leases.take(conn, name="wave node-1", node_id=1, holder="one")
            assert again.fence == held.fence + 1

    def test_a_new_holder_has_a_new_fence_and_the_old_one_can_do_nothing(self, fleet):
        with fleet.engine.begin() as conn:
            old = leases.take(conn, name="wave node-1", node_id=1, holder="one")
            leases.let_go(conn, old)
            new = leases.take(conn, name="wave node-1", node_id=1, holder="two")
            assert (new.lease_id, new.fence) == (old.lease_id, old.fence + 1)
            assert leases.renew(conn, [old, new]) == {new}

    def test_a_lease_that_ran_out_is_not_renewed(self, fleet):
        with fleet.engine.begin() as conn:
            lease = leases.take(conn, name="batch x", node_id=1, holder="one")
            conn.execute(text("UPDATE leases SET expires_at = clock_timestamp()"))
            assert leases.renew(conn, [lease]) == frozenset()

    def test_moving_the_business_clock_a_day_forward_ends_no_lease(self, demo_ledger):
        fleet = small_fleet(demo_ledger)
        claimed(fleet)
        with fleet.engine.begin() as conn:
            clock.move(conn, clock.now(conn) + timedelta(days=1))
        with fleet.engine.begin() as conn:
            assert leases.take_over_dead(conn, 10) == []

    def test_a_lease_on_business_time_would_be_ended_by_it(self, demo_ledger):
        """The harm: judged by business time, the batch of a living worker is taken over."""
        fleet = small_fleet(demo_ledger)
        claimed(fleet)
        with fleet.engine.begin() as conn:
            clock.move(conn, clock.now(conn) + timedelta(days=1))
        on_business_time = (
            "SELECT count(*) FROM leases WHERE name LIKE 'batch %' AND expires_at <= mailfleet.business_now()"
        )
        assert fleet.one(on_business_time) == 1
