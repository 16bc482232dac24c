"""The last gate before the first byte, and giving back what will not be begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from db import allowances, claims, epoch, leases, moves, stops
from db.claims import Begun
from db.engine import Connection
from db.leases import Lease
from db.moves import Move
from mailfleet.acts.claim_batch import move_of
from mailfleet.policy.gate import Later, judge
from mailfleet.policy.lifecycle import Event, State


@dataclass(frozen=True)
class Chunk:
    """What was begun, under which number, and how those ended that may not leave any more."""

    number: int
    begun: tuple[Begun, ...]
    turned_away: Counter[str]


def begin_chunk(conn: Connection, lease: Lease, message_ids: Sequence[int], *, now: datetime) -> Chunk:
    """Those that may leave this very moment are `sending`; send them once this is committed.

    The others are dropped, held or given back, with what they took. Nothing begins on a short lease, which is
    renewed first where it is still held, nor while the ledger is held.
    """
    leases.renew(conn, [lease])
    number = epoch.next_chunk(conn, lease)
    begun = claims.begin(conn, lease, message_ids, now=now)
    rest = set(message_ids) - {one.message_id for one in begun}
    turned = _turn_away(conn, lease, sorted(rest), now=now) if rest else Counter[str]()
    return Chunk(number, tuple(begun), turned)


def _turn_away(conn: Connection, lease: Lease, message_ids: Sequence[int], *, now: datetime) -> Counter[str]:
    """What the gate says of them now; one it has nothing against is given back."""
    left = claims.still_claimed(conn, lease, message_ids)
    standing = stops.standing(conn, now)
    moved = []
    for one in claims.candidates(conn, left, now=now):
        judgement = judge(one.facts, standing, now)
        due_at = judgement.due_at if isinstance(judgement, Later) else None
        moved.append(
            move_of(one, judgement) or Move(one.facts.message_id, Event.RELEASE, one.state, due_at=due_at)
        )
    return _leave_batch(conn, moved, source="gate", now=now)


def give_back(
    conn: Connection,
    lease: Lease,
    message_ids: Sequence[int],
    *,
    now: datetime,
    due_at: datetime | None = None,
) -> int:
    """Those still in the batch are planned again, due as before or at `due_at`, with what they took. How many."""
    left = claims.still_claimed(conn, lease, message_ids)
    moved = [Move(one, Event.RELEASE, State.CLAIMED, due_at=due_at) for one in left]
    return _leave_batch(conn, moved, source="gate", now=now).total()


def drop(conn: Connection, lease: Lease, reasons: Mapping[int, str], *, now: datetime) -> Counter[str]:
    """Those still in the batch are dropped, each with its reason."""
    left = claims.still_claimed(conn, lease, list(reasons))
    moved = [Move(one, Event.DROP, State.CLAIMED, reasons[one]) for one in left]
    return _leave_batch(conn, moved, source="gate", now=now)


def _leave_batch(conn: Connection, moved: Sequence[Move], *, source: str, now: datetime) -> Counter[str]:
    allowances.give_back(conn, [move.message_id for move in moved])
    moves.move(conn, moved, source=source, now=now)
    return Counter(move.after.value for move in moved)
