"""Batches whose worker died: what it had not begun is planned again, what was on the line is unknown (law 3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from db import allowances, attempts, claims, clock, leases, moves
from db.attempts import Attempt
from db.claims import Orphan
from db.engine import Connection, Engine, transaction
from db.moves import Move
from mailfleet.policy.lifecycle import Event, State

AT_ONCE = 20  # batches a transaction
DIED = "worker died while sending"
EVENTS = {State.CLAIMED: Event.RELEASE, State.SENDING: Event.LOSE}


def recover(engine: Engine) -> dict[str, int]:
    """No batch without a living worker is left; how many messages went back, and how many became unknown."""
    found: Counter[str] = Counter()
    while True:
        with transaction(engine) as conn:
            dead = leases.take_over_dead(conn, AT_ONCE)
            found += _bury(conn, claims.orphans(conn, dead))
            leases.forget(conn, dead)
        if not dead:
            return dict(found)


def _bury(conn: Connection, orphans: Sequence[Orphan]) -> Counter[str]:
    allowances.give_back(conn, [one.message_id for one in orphans if one.state is State.CLAIMED])
    lost = [one for one in orphans if one.state is State.SENDING]
    attempts.append(conn, [_attempt(one) for one in lost])
    moved = [_move(one) for one in orphans]
    moves.move(conn, moved, source="house", now=clock.now(conn))
    return Counter(move.after.value for move in moved)


def _move(one: Orphan) -> Move:
    return Move(one.message_id, EVENTS[one.state], one.state, DIED if one.state is State.SENDING else None)


def _attempt(one: Orphan) -> Attempt:
    return Attempt(
        one.tenant_id, one.message_id, one.attempt, one.node_id, one.egress_id, one.fence, one.began_at, one.found_at,
        "unknown", None, DIED, None,
    )  # fmt: skip
