"""What a try's end does to its message, in one transaction; a worker that lost its lease moves nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from db import clock, egresses, messages
from db.claims import Begun
from mailfleet.acts.begin_chunk import begin_chunk
from mailfleet.acts.record_tries import Try, record
from mailfleet.acts.recovery import recover
from mailfleet.policy.outcome import About, Accepted, Deferred, Outcome, Refused, Reply, Unknown, Verdict
from tests.send.given import Fleet, small_fleet
from tests.send.test_claim import claim

OK = Reply(250, "2.0.0", "2.0.0 Ok: queued as Q1")
HARD = Refused(Reply(550, "5.1.1", "5.1.1 <bob@person.example> unknown"), About.RECIPIENT, Verdict.HARD)


@pytest.fixture
def fleet(ledger):
    return small_fleet(ledger)


def on_the_line(fleet: Fleet, who: str = "bob", egress: str = "out"):
    fleet.message(who, egress=egress)
    batch = claim(fleet.ledger.engine("node-1"))
    with fleet.ledger.engine("node-1").begin() as conn:
        chunk = begin_chunk(conn, batch.lease, batch.message_ids, now=clock.now(conn))
    return batch.lease, chunk.begun[0]


def end(fleet: Fleet, lease, begun: Begun, outcome: Outcome, egress: str = "out"):
    with fleet.ledger.engine("node-1").begin() as conn:
        way = next(one for one in egresses.of_node(conn, 1) if one.name == egress)
        one = Try(begun, fleet.ids["acme"], "other", way, timedelta(seconds=2), outcome)
        return record(conn, lease, [one], node_id=1, now=clock.now(conn))


ENDS = [
    # outcome, state, reason, queue id, verdict
    (Accepted("Q1", OK), "submitted", None, "Q1", "accepted"),
    (Accepted("", OK), "submitted", None, None, "accepted"),
    (Deferred(Reply(450, "", "busy <bob@person.example>")), "deferred", "450 busy <<address>>", None, None),
    (HARD, "refused", "550 5.1.1 <<address>> unknown", None, "hard"),
    (Refused(Reply(550, "", "spam"), About.CONTENT, Verdict.CONTENT), "refused", "550 spam", None, "content"),
    (Unknown("line lost"), "unknown", "line lost", None, None),
]


@pytest.mark.parametrize(("outcome", "state", "reason", "ref", "verdict"), ENDS)
def test_a_try_ends(fleet, outcome, state, reason, ref, verdict):
    lease, begun = on_the_line(fleet)
    assert [after.value for _, after in end(fleet, lease, begun, outcome)] == [state]
    row = fleet.run(
        "SELECT state, reason, queue_ref, lease_id, attempt, submitted_at IS NOT NULL, ended_at IS NOT NULL FROM messages"
    )
    assert row == [(state, reason, ref, None, 1, state == "submitted", state == "refused")]
    assert fleet.run("SELECT before, after, source FROM events") == [("sending", state, "attempt")]
    outcomes = {"submitted": "accepted"}
    assert fleet.run("SELECT outcome, late, queue_ref, ended_at - started_at FROM attempts") == [
        (outcomes.get(state, state), False, ref, timedelta(seconds=2))
    ]
    assert fleet.run("SELECT verdict FROM verdicts") == ([(verdict,)] if verdict else [])
    assert fleet.used() == 1


def test_an_address_in_a_reply_is_written_nowhere(fleet):
    lease, begun = on_the_line(fleet)
    end(fleet, lease, begun, HARD)
    for column in ("reason FROM messages", "reply FROM attempts", "reply FROM events"):
        assert "bob@" not in str(fleet.one(f"SELECT {column}"))


def test_the_word_of_our_own_node_is_not_the_last(fleet):
    fleet.egress("queueing", 25, kind="postfix")
    lease, begun = on_the_line(fleet, egress="queueing")
    end(fleet, lease, begun, Accepted("Q1", OK), egress="queueing")
    assert fleet.states() == {"submitted": 1}
    assert fleet.run("SELECT * FROM verdicts") == []


def test_a_deferred_message_is_due_again_as_they_asked_and_tried_again(fleet):
    lease, begun = on_the_line(fleet)
    end(fleet, lease, begun, Deferred(Reply(450, "", "busy"), timedelta(minutes=5)))
    wait = fleet.one("SELECT due_at - mailfleet.business_now() FROM messages")
    assert timedelta(minutes=4) < wait <= timedelta(minutes=6)
    fleet.run("UPDATE messages SET due_at = now()")
    batch = claim(fleet.ledger.engine("node-1"))
    with fleet.ledger.engine("node-1").begin() as conn:
        chunk = begin_chunk(conn, batch.lease, batch.message_ids, now=clock.now(conn))
    assert chunk.begun[0].attempt == 2


def test_a_hard_refusal_suppresses_the_person_everywhere_at_once(fleet):
    lease, begun = on_the_line(fleet)
    end(fleet, lease, begun, HARD)
    assert fleet.run("SELECT tenant_id, reason FROM suppressions") == [(None, "hard")]


def test_a_late_worker_moves_nothing_and_what_it_saw_is_kept(fleet):
    lease, begun = on_the_line(fleet)
    fleet.run("UPDATE leases SET expires_at = clock_timestamp() - interval '1 s'")
    assert recover(fleet.engine) == {"unknown": 1}
    assert end(fleet, lease, begun, Accepted("Q1", OK)) == []
    assert fleet.states() == {"unknown": 1}
    assert fleet.run("SELECT outcome, late FROM attempts ORDER BY recorded_at") == [
        ("unknown", False),
        ("accepted", True),
    ]
    assert fleet.run("SELECT * FROM verdicts") == []


def test_a_late_worker_moves_nothing_of_the_next_try_and_would_without_the_fence(fleet):
    """The harm: without lease and fence in the statement, a late "refused" ends a message that is on the line again."""
    lease, begun = on_the_line(fleet)
    fleet.run("UPDATE leases SET expires_at = clock_timestamp() - interval '1 s'")
    recover(fleet.engine)
    number = begun.message_id
    fleet.run(
        "UPDATE messages SET state = 'planned', attempt = 0 WHERE message_id = :id", id=number
    )  # found absent, numbered anew
    batch = claim(fleet.ledger.engine("node-1"))
    with fleet.ledger.engine("node-1").begin() as conn:
        begin_chunk(conn, batch.lease, batch.message_ids, now=clock.now(conn))
    assert end(fleet, lease, begun, HARD) == []
    assert fleet.states() == {"sending": 1}
    fenced = messages.END
    unfenced = fenced[: fenced.index("AND m.lease_id")] + fenced[fenced.index("RETURNING") :]
    with fleet.ledger.engine("node-1").begin() as conn:
        values = {"message_id": [number], "attempt": [1], "event": ["refuse"], "state": ["refused"], "reason": ["550"],
                  "verdict": [None], "about": [None], "reply": [""], "due_at": [None], "queue_ref": [None],
                  "now": clock.now(conn)}  # fmt: skip
        assert len(conn.execute(text(unfenced), values).all()) == 1
        conn.rollback()


def test_recovery_and_a_slow_worker_at_once_leave_one_end(fleet):
    """The worker records in an open transaction while recovery takes the lease: one of them moves, not both."""
    lease, begun = on_the_line(fleet)
    fleet.run("UPDATE leases SET expires_at = clock_timestamp() - interval '1 s'")
    end(fleet, lease, begun, Accepted("Q1", OK))
    assert recover(fleet.engine) == {}
    assert fleet.states() == {"submitted": 1}
    assert fleet.run("SELECT * FROM leases") == []
