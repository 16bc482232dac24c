"""A dead worker's batch goes back or becomes unknown; a living one's stays; the house keeps the rest in order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from db import clock
from mailfleet.acts.begin_chunk import begin_chunk
from mailfleet.acts.house import keep
from mailfleet.acts.recovery import DIED, recover
from tests.send.given import Fleet, small_fleet
from tests.send.test_claim import claim, end_enrolment


@pytest.fixture
def fleet(ledger):
    return small_fleet(ledger)


def half_begun(fleet: Fleet):
    """Five claimed, two of them on the line."""
    for number in range(5):
        fleet.message(f"p{number}")
    batch = claim(fleet.ledger.engine("node-1"))
    with fleet.ledger.engine("node-1").begin() as conn:
        begin_chunk(conn, batch.lease, batch.message_ids[:2], now=clock.now(conn))
    return batch


def kill(fleet: Fleet) -> None:
    """Two minutes of machine time pass without a renewal."""
    fleet.run("UPDATE leases SET expires_at = expires_at - interval '121 s'")


def test_a_living_batch_is_left_alone(fleet):
    half_begun(fleet)
    assert recover(fleet.engine) == {}
    assert fleet.states() == {"claimed": 3, "sending": 2}


def test_a_dead_batch_goes_back_and_what_was_on_the_line_is_unknown(fleet):
    half_begun(fleet)
    kill(fleet)
    assert recover(fleet.engine) == {"planned": 3, "unknown": 2}
    assert fleet.states() == {"planned": 3, "unknown": 2}
    assert fleet.run("SELECT DISTINCT reason FROM messages WHERE state = 'unknown'") == [(DIED,)]
    assert fleet.run("SELECT outcome, late, count(*)::int FROM attempts GROUP BY 1, 2") == [
        ("unknown", False, 2)
    ]
    assert fleet.run("SELECT event, source, count(*)::int FROM events GROUP BY 1, 2 ORDER BY 1") == [
        ("lose", "house", 2),
        ("release", "house", 3),
    ]
    assert fleet.used() == 2  # what was begun is not given back
    assert fleet.run("SELECT * FROM leases") == []
    assert recover(fleet.engine) == {}


def test_what_went_back_is_claimed_again_and_unknown_is_not(fleet):
    half_begun(fleet)
    kill(fleet)
    recover(fleet.engine)
    assert len(claim(fleet.ledger.engine("node-1")).message_ids) == 3


def test_a_hold_ends_with_its_stop(fleet):
    message = fleet.message("bob")
    fleet.stop("campaign", fleet.ids["acme campaign"])
    claim(fleet.ledger.engine("node-1"))
    assert "held" not in keep(fleet.engine)
    assert fleet.state(message)[0] == "held"
    fleet.run("UPDATE stops SET ended_at = now()")
    assert keep(fleet.engine)["planned"] == 1
    assert fleet.state(message) == ("planned", None)


def test_a_hold_lasts_while_another_stop_stands_and_says_so(fleet):
    message = fleet.message("bob")
    fleet.stop("campaign", fleet.ids["acme campaign"])
    claim(fleet.ledger.engine("node-1"))
    fleet.run("UPDATE stops SET ended_at = now()")
    fleet.stop("node", fleet.ids["node-1"])
    keep(fleet.engine)
    assert fleet.state(message) == ("held", "node stopped: a test")


@pytest.mark.parametrize(("change", "state"), [
    (lambda f: end_enrolment(f, "answered"), "dropped"),
    (lambda f: f.suppress("bob"), "dropped"),
    (lambda f: f.run("UPDATE messages SET expires_at = now()"), "expired"),
])  # fmt: skip
def test_a_held_message_ends_when_it_may_never_leave(fleet, change, state):
    message = fleet.message("bob")
    fleet.stop("campaign", fleet.ids["acme campaign"])
    claim(fleet.ledger.engine("node-1"))
    change(fleet)
    assert keep(fleet.engine)[state] == 1
    assert fleet.state(message)[0] == state


def test_what_is_too_late_or_was_tried_too_often_expires(fleet):
    late = fleet.message("late", due=fleet.now() + timedelta(days=2), expires=timedelta(seconds=-1))
    tired = fleet.message("tired", due=fleet.now() + timedelta(days=2))
    fresh = fleet.message("fresh", due=fleet.now() + timedelta(days=2))
    fleet.run("UPDATE messages SET attempt = 8 WHERE message_id = :id", id=tired)
    assert keep(fleet.engine)["expired"] == 2
    assert fleet.state(late) == ("expired", "its time passed")
    assert fleet.state(tired) == ("expired", "not accepted in 8 tries")
    assert fleet.state(fresh)[0] == "planned"


def test_months_ahead_are_there_and_old_empty_leases_are_gone(fleet):
    fleet.run("INSERT INTO leases (name, node_id, holder, expires_at) VALUES ('batch old', 1, 'x', now() - interval '2 hours'), "
              "('batch new', 1, 'x', now()), ('wave node-1', 1, 'x', now() - interval '2 hours')")  # fmt: skip
    assert keep(fleet.engine)["leases"] == 1
    assert fleet.one("SELECT count(*) FROM leases") == 2
    assert keep(fleet.engine) == {}
