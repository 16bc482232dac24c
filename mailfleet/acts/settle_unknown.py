"""Unknown messages are settled by evidence, or stay unknown: silence is never absence (law 3)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from db import clock, events, feedback, unknown
from db.engine import Connection, Engine, transaction
from db.events import NewEvent
from db.feedback import Moved
from db.unknown import Try
from mailfleet.policy import settle as rules
from mailfleet.policy.lifecycle import Event, State, next_state

COUNTED = {Event.EVIDENCE: "accepted", Event.ABSENT: "absent", Event.RETURN_LATER: "not_taken"}


def settle(engine: Engine) -> dict[str, int]:
    """Whatever node, queue and late workers prove has been applied. Counts: `accepted`, `absent`, `not_taken` (a worker
    that had lost its lease heard the refusal), `waiting` (of node mail; a provider's only settles by our token).
    """
    counts = Counter(accepted=0, absent=0, not_taken=0, waiting=0)
    with transaction(engine) as conn:
        now = clock.now(conn)
        for one in unknown.tries(conn):
            event = rules.settle(_seen(one))
            counts[COUNTED[event] if event else "waiting"] += 1
            if event:
                _settle(conn, one, event, now)
    return dict(counts)


def _seen(one: Try) -> rules.Seen:
    return rules.Seen(
        one.began_at, one.ended_at, one.unknown_since, one.late, one.active, one.queued,
        one.postfix_up, one.queue_read_at, one.log_read_at, one.log_whole_since,
    )  # fmt: skip


def _settle(conn: Connection, one: Try, event: Event, now: datetime) -> None:
    after = next_state(State.UNKNOWN, event)
    ref = (one.queue_id or one.late_ref) if event is Event.EVIDENCE else None
    feedback.move(conn, one.message_id, Moved(after, COUNTED[event], queue_ref=ref), now=now)
    said = NewEvent(
        one.tenant_id, one.message_id, event, "house", State.UNKNOWN, after, reply=_why(one, event)
    )
    events.append(conn, [said], now=now)


def _why(one: Try, event: Event) -> str:
    if event is Event.ABSENT:
        return (
            "its node's queue was searched and its log read past the end of the try: it never arrived there"
        )
    if one.late:
        return f"a worker that had lost its lease saw it {one.late}"
    return f"its node's queue manager has it as {one.queue_id}"
