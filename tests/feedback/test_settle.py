"""Unknown is settled by evidence only: silence is never absence."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailfleet.acts.settle_unknown import settle
from mailfleet.policy import settle as rules
from mailfleet.policy.lifecycle import Event
from mailfleet.policy.settle import Seen
from tests.feedback.given import World

BEGAN = datetime(2026, 11, 2, 9, tzinfo=UTC)
ENDED = BEGAN + timedelta(seconds=5)
LATER = ENDED + timedelta(seconds=31)
EVER = datetime(1, 1, 1, tzinfo=UTC)
SEARCHED = Seen(
    BEGAN,
    ENDED,
    ENDED,
    None,
    active=False,
    queued=False,
    postfix_up=True,
    queue_read_at=LATER,
    log_read_at=LATER,
    log_whole_since=EVER,
)


@pytest.mark.parametrize(("seen", "event"), [
    (SEARCHED, Event.ABSENT),
    (replace(SEARCHED, active=True), Event.EVIDENCE),
    (replace(SEARCHED, queued=True), Event.EVIDENCE),
    (replace(SEARCHED, late="accepted"), Event.EVIDENCE),
    (replace(SEARCHED, late="deferred"), Event.RETURN_LATER),
    (replace(SEARCHED, late="refused"), Event.RETURN_LATER),
    (replace(SEARCHED, active=True, postfix_up=False), Event.EVIDENCE),
    (replace(SEARCHED, postfix_up=False), None),
    (replace(SEARCHED, queue_read_at=None), None),
    (replace(SEARCHED, log_read_at=None), None),
    (replace(SEARCHED, log_whole_since=None), None),
    (replace(SEARCHED, queue_read_at=ENDED + timedelta(seconds=30)), None),  # past the end, with a margin
    (replace(SEARCHED, log_read_at=ENDED + timedelta(seconds=30)), None),
    (replace(SEARCHED, log_whole_since=BEGAN), Event.ABSENT),
    (replace(SEARCHED, log_whole_since=BEGAN + timedelta(seconds=1)), None),  # a gap since it began
    (replace(SEARCHED, ended_at=None), None),  # its worker died: the line may still be open
    (replace(SEARCHED, ended_at=None, queue_read_at=ENDED + timedelta(minutes=11), log_read_at=ENDED + timedelta(minutes=11)), Event.ABSENT),
])  # fmt: skip
def test_what_the_evidence_says(seen, event):
    assert rules.settle(seen) is event


def lost(
    world: World,
    *,
    egress: str = "post",
    source: str = "attempt",
    outcome: str = "unknown",
    late: bool = False,
    ref: str | None = None,
) -> int:
    """A message whose line was lost two minutes ago."""
    number = world.message(state="unknown", egress=egress)
    world.run("UPDATE messages SET began_at = now() - interval '2 minutes'")
    world.run("INSERT INTO attempts (tenant_id, message_id, attempt, node_id, egress_id, started_at, ended_at, outcome, queue_ref, late) "
              "SELECT tenant_id, message_id, 1, node_id, egress_id, began_at, began_at + interval '5 s', :outcome, :ref, :late FROM messages",
              outcome=outcome, ref=ref, late=late)  # fmt: skip
    world.run("INSERT INTO events (tenant_id, message_id, event, source, before, after, occurred_at, recorded_at) "
              "SELECT tenant_id, message_id, 'lose', :source, 'sending', 'unknown', now(), now() - interval '115 s' FROM messages", source=source)  # fmt: skip
    return number


def beat(
    world: World,
    *,
    up: bool = True,
    read: str = "1 s",
    looked: str = "1 s",
    queued: str = "{}",
    whole: str = "0001-01-01T00:00:00+00:00",
) -> None:
    world.run("INSERT INTO heartbeats VALUES (:node, now(), 'w', :up, jsonb_build_object('whole_since', CAST(:whole AS text)), "
              "now() - CAST(:read AS interval), now() - CAST(:looked AS interval), CAST(:queued AS text[])) "
              "ON CONFLICT (node_id) DO UPDATE SET queued = EXCLUDED.queued",
              node=world.ids["node-1"], up=up, read=read, looked=looked, queued=queued, whole=whole)  # fmt: skip


def counts(**given: int) -> dict[str, int]:
    return {"accepted": 0, "absent": 0, "not_taken": 0, "waiting": 0} | given


def test_what_the_queue_manager_took_over_is_submitted_under_its_queue_id(world):
    number = lost(world)
    world.queue_id(number, "4cZ1Lx2KQBz3x1")
    beat(world, up=False)
    assert settle(world.engine) == counts(accepted=1)
    assert world.run("SELECT state, queue_ref FROM messages") == [("submitted", "4cZ1Lx2KQBz3x1")]
    assert world.events(number)[-1] == ("evidence", "house", "unknown", "submitted")


def test_what_never_arrived_is_planned_again(world):
    number = lost(world)
    world.queue_id(
        number, "4cZ1Lx2KQBz3x1", active=False
    )  # a head without an end: the line was lost before the dot
    beat(world)
    assert settle(world.engine) == counts(absent=1)
    assert world.state(number) == "planned"
    assert settle(world.engine) == counts()


@pytest.mark.parametrize("given", [
    {"up": False}, {"read": "100 s"}, {"looked": "100 s"}, {"whole": "2999-01-01T00:00:00+00:00"},
])  # fmt: skip
def test_without_proof_it_stays_unknown(world, given):
    number = lost(world)
    beat(world, **given)
    assert settle(world.engine) == counts(waiting=1)
    assert world.state(number) == "unknown"


def test_a_node_that_never_spoke_proves_nothing(world):
    lost(world)
    assert settle(world.engine) == counts(waiting=1)


def test_a_dead_workers_line_may_still_be_open(world):
    lost(world, source="house")
    beat(world)
    assert settle(world.engine) == counts(waiting=1)


def test_an_id_that_is_in_the_queue_is_accepted(world):
    number = lost(world)
    world.queue_id(number, "4cZ1Lx2KQBz3x1", active=False)
    beat(world, queued="{4cZ1Lx2KQBz3x1}")
    assert settle(world.engine) == counts(accepted=1)


def test_an_id_of_an_earlier_try_proves_nothing_of_this_one(world):
    number = lost(world)
    world.queue_id(number, "4cZ1Lx2KQBz3x1")
    world.run("UPDATE messages SET attempt = 2")
    world.run("UPDATE attempts SET queue_ref = '4cZ1Lx2KQBz3x1'")
    assert settle(world.engine) == counts(waiting=1)
    world.run("UPDATE attempts SET queue_ref = NULL")
    world.run("UPDATE queue_ids SET logged_at = now() - interval '1 hour'")
    assert settle(world.engine) == counts(waiting=1)


@pytest.mark.parametrize(
    ("outcome", "counted", "state"),
    [("accepted", "accepted", "submitted"), ("deferred", "not_taken", "deferred")],
)
def test_a_worker_that_had_lost_its_lease_still_tells_what_it_heard(world, outcome, counted, state):
    number = lost(world, outcome=outcome, late=True, ref="4cZ1Lx2KQBz3x9" if outcome == "accepted" else None)
    assert settle(world.engine) == counts(**{counted: 1})
    assert world.state(number) == state


def test_a_providers_silence_is_never_absence(world):
    number = lost(world, egress="direct")
    beat(world)
    assert settle(world.engine) == counts()
    assert world.state(number) == "unknown"


def test_what_our_node_lost_after_the_dot_is_not_settled_by_our_node(world):
    number = lost(world)
    world.queue_id(number, "4cZ1Lx2KQBz3x1")
    world.run("UPDATE messages SET queue_ref = '4cZ1Lx2KQBz3x1'")
    beat(world)
    assert settle(world.engine) == counts()
    assert world.state(number) == "unknown"


def test_what_another_node_says_of_a_try_is_no_evidence(world):
    number = lost(world)
    world.run("INSERT INTO attempts (tenant_id, message_id, attempt, node_id, egress_id, started_at, ended_at, outcome, late) "
              "SELECT tenant_id, message_id, attempt, :two, egress_id, began_at, began_at, 'refused', true FROM messages",
              two=world.ids["node-2"])  # fmt: skip
    settle(world.engine)
    assert world.state(number) == "unknown"
