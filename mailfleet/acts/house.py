"""Keeps the house: holds end with their stop, what is too late expires, months and leases are kept in order."""

from __future__ import annotations

from collections import Counter

from db import claims, clock, keeping, moves, stops
from db.claims import Candidate
from db.engine import Connection, Engine, transaction
from db.moves import Move
from mailfleet.acts.claim_batch import move_of
from mailfleet.policy.gate import Hold, Judgement, Later, judge
from mailfleet.policy.lifecycle import Event
from mailfleet.policy.retry import MAX_TRIES

AT_ONCE = 1000
MONTHS_AHEAD = 3
KEYS_KEPT_DAYS = 400  # longer than any provider redelivers, and than our own partitions are kept


def keep(engine: Engine) -> dict[str, int]:
    """Everything that time alone changes is as it should be; how many messages moved, months and leases changed."""
    done = _review_holds(engine)
    done["expired"] += expire(engine)
    with transaction(engine) as conn:
        done["months"] = keeping.ensure_months(conn, MONTHS_AHEAD)
        done["leases"] = keeping.forget_old_leases(conn)
        done["keys"] = keeping.forget_old_keys(conn, KEYS_KEPT_DAYS)
    return {name: count for name, count in done.items() if count}


def expire(engine: Engine) -> int:
    """Every message whose time or tries are over has ended; how many did."""
    ended = 0
    while some := _expire(engine):
        ended += some
    return ended


def _review_holds(engine: Engine) -> Counter[str]:
    """Every held message is asked again: held on, planned again, or ended."""
    done: Counter[str] = Counter()
    last = 0
    while True:
        with transaction(engine) as conn:
            found = keeping.held(conn, after=last, limit=AT_ONCE)
            done += _judge_again(conn, found)
        if len(found) < AT_ONCE:
            return done
        last = found[-1]


def _judge_again(conn: Connection, message_ids: list[int]) -> Counter[str]:
    now = clock.now(conn)
    standing = stops.standing(conn, now)
    judged = [(one, judge(one.facts, standing, now)) for one in claims.candidates(conn, message_ids, now=now)]
    still = {
        one.facts.message_id: (said.until, said.reason) for one, said in judged if isinstance(said, Hold)
    }
    keeping.hold_longer(conn, still)
    moved = [_freed(one, said) for one, said in judged if not isinstance(said, Hold)]
    moves.move(conn, moved, source="house", now=now)
    return Counter(move.after.value for move in moved)


def _freed(one: Candidate, said: Judgement) -> Move:
    due_at = said.due_at if isinstance(said, Later) else None
    return move_of(one, said) or Move(one.facts.message_id, Event.UNHOLD, one.state, due_at=due_at)


def _expire(engine: Engine) -> int:
    """Some of what will not be tried any more has expired, or been dropped where the gate says never."""
    with transaction(engine) as conn:
        now = clock.now(conn)
        found = keeping.overdue(conn, tries=MAX_TRIES, limit=AT_ONCE, now=now)
        moved = [
            move
            for one in claims.candidates(conn, found, now=now)
            if (move := move_of(one, judge(one.facts, (), now)))
        ]
        return len(moves.move(conn, moved, source="house", now=now))
