"""Sends one claimed batch: chunk by chunk over every egress of the node at once; the rest is given back."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from db import again, clock, leases, messages
from db.egresses import Egress
from db.engine import Connection
from db.leases import Lease
from db.messages import Letter
from mailfleet.acts.begin_chunk import Chunk, begin_chunk, drop, give_back
from mailfleet.acts.claim_batch import Batch
from mailfleet.acts.in_thread import in_transaction
from mailfleet.acts.letters import Written
from mailfleet.acts.record_tries import Try, record
from mailfleet.acts.running_share import RunningShare
from mailfleet.acts.send_chunk import send_chunk
from mailfleet.policy.lifecycle import State
from mailfleet.policy.outcome import Deferred

UNREACHABLE = timedelta(minutes=5)  # business time until what waits for a dead egress is due again


@dataclass(frozen=True)
class Claimed:
    """A batch under its lease, with what its letters are made of."""

    lease: Lease
    batch: Batch
    letters: list[messages.Letter] = field(repr=False)
    egresses: dict[int, Egress]
    now: datetime


async def send_batch(share: RunningShare, claimed: Claimed) -> None:
    """Every message of the batch was begun and recorded, or is not in it any more."""
    by_egress: dict[int, list[Letter]] = defaultdict(list)
    for letter in claimed.letters:
        by_egress[letter.egress_id].append(letter)
    ways = [
        _send_over(share, claimed, claimed.egresses[egress_id], letters)
        for egress_id, letters in by_egress.items()
    ]
    results = await asyncio.gather(*ways, return_exceptions=True)
    await in_transaction(share.engine, lambda conn: _close(conn, claimed))
    if failures := [result for result in results if isinstance(result, BaseException)]:
        raise failures[0]


def _close(conn: Connection, claimed: Claimed) -> None:
    """What was not begun is planned again; what nobody can write any more is dropped."""
    now = clock.now(conn)
    gone = set(claimed.batch.message_ids) - {letter.message_id for letter in claimed.letters}
    drop(conn, claimed.lease, dict.fromkeys(gone, "text: the lead, or the step's text, is gone"), now=now)
    give_back(conn, claimed.lease, claimed.batch.message_ids, now=now)
    leases.forget(conn, [claimed.lease])


async def _send_over(
    share: RunningShare, claimed: Claimed, egress: Egress, letters: Sequence[Letter]
) -> None:
    """All chunks of one egress. The next one is written while this one is on the line."""
    way = await share.way(egress)
    size = egress.connections
    chunks = [letters[at : at + size] for at in range(0, len(letters), size)]
    tries: tuple[Try, ...] = ()
    failure: BaseException | None = None
    ahead = _write(share, chunks[0], claimed.now)
    for position, _ in enumerate(chunks, 1):
        written = {one.message_id: one for one in await ahead}
        if share.over:
            break
        chunk = await _turn(share, claimed.lease, tries, list(written.values()))
        ahead = _write(share, chunks[position] if position < len(chunks) else [], claimed.now)
        sent = await send_chunk(way, egress, chunk.begun, written, share.stop)
        tries, failure = sent.tries, sent.failure
        if failure or _dead(tries):
            break
    await ahead
    await _finish(
        share, claimed.lease, tries, [letter.message_id for letter in letters] if _dead(tries) else []
    )
    if failure:
        raise failure


def _write(share: RunningShare, letters: Sequence[Letter], now: datetime) -> asyncio.Future[list[Written]]:
    return asyncio.ensure_future(asyncio.to_thread(share.desk.write_all, letters, now))


async def _turn(share: RunningShare, lease: Lease, tries: Sequence[Try], written: Sequence[Written]) -> Chunk:
    """In one transaction: the last chunk is recorded, and the next one, judged in its light, begun."""
    ready = [one.message_id for one in written if not one.problem]
    unfit = {one.message_id: one.problem for one in written if one.problem}

    def work(conn: Connection) -> tuple[list[tuple[Try, State]], Counter[str], Chunk]:
        now = clock.now(conn)
        recorded = record(conn, lease, tries, node_id=share.node_id, now=now)
        dropped = drop(conn, lease, unfit, now=now) if unfit else Counter[str]()
        return recorded, dropped, begin_chunk(conn, lease, ready, now=now)

    def turn() -> tuple[list[tuple[Try, State]], Counter[str], Chunk]:
        done = again.run(share.engine, work)
        share.memory.remember(share.epoch, done[2].number)
        return done

    recorded, dropped, chunk = await asyncio.to_thread(turn)
    share.count(recorded, dropped + chunk.turned_away)
    return chunk


async def _finish(share: RunningShare, lease: Lease, tries: Sequence[Try], put_off: Sequence[int]) -> None:
    """The last chunk is recorded; what waits for a dead egress waits a little longer."""

    def work(conn: Connection) -> list[tuple[Try, State]]:
        now = clock.now(conn)
        recorded = record(conn, lease, tries, node_id=share.node_id, now=now)
        if put_off:
            give_back(conn, lease, put_off, now=now, due_at=now + UNREACHABLE)
        return recorded

    share.count(await in_transaction(share.engine, work), Counter())


def _dead(tries: Sequence[Try]) -> bool:
    """Nobody answered anything: the egress is down, and more tries would only use up messages' tries."""
    return bool(tries) and all(
        isinstance(one.outcome, Deferred) and not one.outcome.reply.code for one in tries
    )
