"""Moves messages from state to state and writes the event of each, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from mailfleet.policy.lifecycle import Event, State, next_state


@dataclass(frozen=True)
class Move:
    """An event of ours about a message in the state `before`."""

    message_id: int
    event: Event
    before: State
    reason: str | None = None
    due_at: datetime | None = None  # None: as it was
    hold_until: datetime | None = None

    @property
    def after(self) -> State:
        """Where the event leads."""
        return next_state(self.before, self.event)


def move(conn: Connection, moves: Sequence[Move], *, source: str, now: datetime) -> list[int]:
    """Those that were still in the state `before` have moved, are in no batch any more, and have their event.

    What a claimed one took must be given back before.
    """
    if not moves:
        return []
    rows = conn.execute(text("""
        WITH wanted AS (
            SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:events AS text[]), CAST(:befores AS text[]),
                                 CAST(:afters AS text[]), CAST(:reasons AS text[]), CAST(:dues AS timestamptz[]),
                                 CAST(:untils AS timestamptz[]))
                     AS w (message_id, event, before, after, reason, due_at, hold_until)
        ), moved AS (
            UPDATE mailfleet.messages AS m
               SET state = w.after, reason = w.reason, due_at = coalesce(w.due_at, m.due_at), hold_until = w.hold_until,
                   ended_at = CASE WHEN w.after IN ('dropped', 'expired') THEN :now ELSE m.ended_at END,
                   lease_id = NULL, fence = NULL, allowed_hour = NULL
              FROM wanted w WHERE m.message_id = w.message_id AND m.state = w.before
            RETURNING m.tenant_id, m.message_id
        ), written AS (
            INSERT INTO mailfleet.events (tenant_id, message_id, event, source, before, after, reply, occurred_at)
            SELECT moved.tenant_id, w.message_id, w.event, :source, w.before, w.after, w.reason, :now
              FROM wanted w JOIN moved USING (message_id)
        )
        SELECT message_id FROM moved
    """), {
        "ids": [one.message_id for one in moves], "events": [one.event.value for one in moves],
        "befores": [one.before.value for one in moves], "afters": [one.after.value for one in moves],
        "reasons": [one.reason for one in moves], "dues": [one.due_at for one in moves],
        "untils": [one.hold_until for one in moves], "source": source, "now": now,
    })  # fmt: skip
    return [int(message_id) for message_id in rows.scalars()]
