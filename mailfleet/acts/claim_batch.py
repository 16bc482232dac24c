"""Takes a node's next batch: due, allowed by the gate, paid for in every dimension, in one transaction (law 2)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from db import allowances, claims, incidents, leases, moves, stops
from db.allowances import Row
from db.claims import Candidate
from db.engine import Connection
from db.leases import Lease
from db.moves import Move
from mailfleet.policy.allowance import Key, Shares, Wanted, share_out, whole_hour
from mailfleet.policy.gate import SPREAD, Drop, Expire, Go, Hold, Judgement, Later, judge, spread
from mailfleet.policy.lifecycle import Event


@dataclass(frozen=True)
class Batch:
    """What one claim took, and how those ended that it turned away; `lease` None where it took nothing."""

    lease: Lease | None
    message_ids: tuple[int, ...]
    turned_away: Counter[str]  # by state


def claim_batch(conn: Connection, *, node_id: int, holder: str, limit: int, now: datetime) -> Batch | None:
    """The next batch, claimed; None where nothing is due. Whoever may not go now is not due any more."""
    due = claims.lock_due(conn, node_id=node_id, limit=limit, now=now)
    if not due:
        return None
    found = claims.candidates(conn, due, now=now)
    standing = stops.standing(conn, now)
    judged = [(one, judge(one.facts, standing, now)) for one in found]
    going = [one for one, judgement in judged if isinstance(judgement, Go)]
    shares = _take(conn, going, whole_hour(now))
    lease = (
        leases.take(conn, name=f"batch {uuid.uuid4()}", node_id=node_id, holder=holder)
        if shares.admitted
        else None
    )
    if lease:
        claims.claim(conn, lease, shares.admitted, hour=whole_hour(now))
    moved = [move for one, judgement in judged if (move := move_of(one, judgement))]
    moves.move(conn, moved, source="gate", now=now)
    claims.put_off(conn, _put_off(judged) | _full(shares))
    return Batch(lease, shares.admitted, Counter(move.after.value for move in moved))


def move_of(candidate: Candidate, judgement: Judgement) -> Move | None:
    """The event that a judgement is for a message; None for Go, and for Later where it only has to wait."""
    message_id, before = candidate.facts.message_id, candidate.state
    match judgement:
        case Drop(reason):
            return Move(message_id, Event.DROP, before, reason)
        case Hold(reason, until):
            return Move(message_id, Event.HOLD, before, reason, hold_until=until)
        case Expire(reason):
            return Move(message_id, Event.EXPIRE, before, reason)
        case Go() | Later():
            return None


def _put_off(judged: Iterable[tuple[Candidate, Judgement]]) -> dict[int, tuple[datetime, str]]:
    return {
        one.facts.message_id: (judgement.due_at, judgement.reason)
        for one, judgement in judged
        if isinstance(judgement, Later)
    }


def _full(shares: Shares) -> dict[int, tuple[datetime, str]]:
    return {
        message_id: (full.opens_at + spread(message_id, SPREAD), f"no allowance left: {full.key[0]}")
        for message_id, full in shares.refused.items()
    }


def _take(conn: Connection, going: Sequence[Candidate], hour: datetime) -> Shares:
    """Who of them may go, counted in every dimension; the rows are locked before anything is computed."""
    rows = {row for one in going for row in one.rows}
    if not rows:
        return Shares((), {})
    allowances.lock(conn, rows, hour)
    keys = {one.facts.message_id: tuple((row.dimension, row.key) for row in one.rows) for one in going}
    shares = share_out(
        [Wanted(message_id, wanted) for message_id, wanted in keys.items()],
        hour=hour,
        caps=allowances.caps(conn, rows),
        used=allowances.used(conn, rows, hour),
        slowed=_slowed(conn, going, rows),
    )
    allowances.take(conn, [key for message_id in shares.admitted for key in keys[message_id]], hour)
    return shares


def _slowed(conn: Connection, going: Sequence[Candidate], rows: Iterable[Row]) -> set[Key]:
    """Dimensions to be halved: those slowed themselves, every egress of a slowed node, every campaign of a slowed file."""
    slowed = set(incidents.slowed(conn))
    campaigns = {
        ("campaign", scopes["campaign"])
        for scopes in (one.facts.scopes for one in going)
        if ("import", scopes["import"]) in slowed and scopes["campaign"] is not None
    }
    nodes = {("node", one.facts.scopes["node"]) for one in going}
    egresses = {(row.dimension, row.key) for row in rows if row.dimension == "egress"}
    return slowed | campaigns | (egresses if nodes & slowed else set())
