"""Sends a node's share: claim, write, begin, send, record, until nothing is due (laws 2 to 4)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from db import clock, egresses, epoch, leases, messages
from db.engine import Connection, Engine
from db.epoch import Epoch
from db.leases import Lease
from mailfleet.acts.claim_batch import Batch, claim_batch
from mailfleet.acts.in_thread import in_transaction
from mailfleet.acts.keys import Keys
from mailfleet.acts.letters import Desk, open_signers
from mailfleet.acts.node_memory import NodeMemory
from mailfleet.acts.refused import Refused
from mailfleet.acts.running_share import RunningShare
from mailfleet.acts.send_batch import Claimed, send_batch
from mailfleet.egress.envelope import Timeouts

BATCH = 200
RENEW = 30.0  # seconds between renewals of leases that last 120


class WaveBusy(Refused):
    """Another wave of this node is on its way."""


class LedgerHolding(Refused):
    """The ledger was restored, or is held: nothing is claimed until an operator reopened it."""


@dataclass(frozen=True)
class Share:
    """How a share ended: messages by state; the same by receiver and egress, for people to read."""

    ended: dict[str, int]
    receivers: list[dict[str, str | int]]
    seconds: float


async def send_share(
    engine: Engine,
    keys: Keys,
    *,
    node: str,
    holder: str,
    at_most: int,
    seconds: float,
    state_dir: Path | None,
    timeouts: Timeouts | None = None,
) -> Share:
    """What is due on this node was sent, at most `at_most` and for about `seconds`. Raises WaveBusy, LedgerHolding,
    and Refused where the node has no `state_dir`: it could not tell a ledger that was restored.

    Cancelled, it begins nothing more, waits a little for what is on the line, records it and gives the rest back.
    """
    if state_dir is None:
        raise Refused(
            "nothing is sent: set NODE_STATE_DIR, where this node remembers the highest chunk it began"
        )
    stop = asyncio.Event()
    order = Order(node, holder, at_most, seconds, NodeMemory(state_dir), timeouts or Timeouts())
    work = asyncio.create_task(_share(engine, keys, order, stop))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({work})
        raise


@dataclass(frozen=True)
class Order:
    """What a share was asked for."""

    node: str
    holder: str
    at_most: int
    seconds: float
    memory: NodeMemory
    timeouts: Timeouts


async def _share(engine: Engine, keys: Keys, order: Order, stop: asyncio.Event) -> Share:
    start = asyncio.get_running_loop().time()
    node_id, ledger, wave = await in_transaction(engine, lambda conn: _open(conn, order))
    async with AsyncExitStack() as doors:
        share = RunningShare(
            engine, node_id, ledger.epoch, wave, order.holder, Desk(keys), order.memory, order.timeouts, stop,
            start + order.seconds, doors,
        )  # fmt: skip
        renewing = asyncio.create_task(_renew(share))
        try:
            await _until_done(share, order.at_most)
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})
            await in_transaction(engine, lambda conn: leases.let_go(conn, wave))
        if not renewing.cancelled():
            renewing.result()
    return _summary(share, asyncio.get_running_loop().time() - start)


def _open(conn: Connection, order: Order) -> tuple[int, Epoch, Lease]:
    node_id = egresses.node_id(conn, order.node)
    if node_id is None:
        raise Refused(f"there is no node {order.node}, or this is another node's database role")
    wave = leases.take(conn, name=f"wave {order.node}", node_id=node_id, holder=order.holder)
    if wave is None:
        raise WaveBusy(f"another wave of {order.node} is on its way: this one has nothing to do")
    return node_id, epoch.read(conn), wave


async def _until_done(share: RunningShare, at_most: int) -> None:
    left = at_most
    while left > 0 and not share.over:
        claim = partial(_claim, share=share, limit=min(BATCH, left))
        match await in_transaction(share.engine, claim):
            case None:
                return
            case Epoch() as held:
                raise LedgerHolding(
                    f"nothing is sent: {held.reason}; check, then run `mailfleet ledger reopen`"
                )
            case Batch() as turned_away:
                share.count([], turned_away.turned_away)
            case Claimed() as claimed:
                share.count([], claimed.batch.turned_away)
                left -= len(claimed.letters)
                await _send(share, claimed)


async def _send(share: RunningShare, claimed: Claimed) -> None:
    share.batch = claimed.lease
    try:
        await send_batch(share, claimed)
    finally:
        share.batch = None


def _claim(conn: Connection, share: RunningShare, limit: int) -> Claimed | Batch | Epoch | None:
    """The next batch and its letters; one that only turned messages away; the epoch where the ledger is held."""
    now = clock.now(conn)
    if held := _held(conn, share.node_id, share.memory):
        return held
    batch = claim_batch(conn, node_id=share.node_id, holder=share.holder, limit=limit, now=now)
    if batch is None or batch.lease is None:
        return batch
    letters = messages.letters(conn, batch.message_ids)
    new = {letter.domain_id for letter in letters} - share.desk.signers.keys()
    share.desk.signers.update(open_signers(conn, share.desk.keys, new) if new else {})
    ways = {egress.egress_id: egress for egress in egresses.of_node(conn, share.node_id)}
    return Claimed(batch.lease, batch, letters, ways, now)


def _held(conn: Connection, node_id: int, memory: NodeMemory) -> Epoch | None:
    """The epoch, where nothing may be claimed. A ledger behind this node's memory is held for everybody."""
    ledger = epoch.read(conn)
    if memory.behind(ledger, epoch.begun(conn, node_id)):
        epoch.hold(conn, "this ledger is behind what a node has begun: it was restored from a backup")
    elif ledger.state == "open":
        return None
    return epoch.read(conn)


async def _renew(share: RunningShare) -> None:
    """Leases stay ours while we live; a share that lost one, or cannot ask, begins nothing more."""
    try:
        held = True
        while held:
            await asyncio.sleep(RENEW)
            held = share.wave in await in_transaction(
                share.engine, partial(leases.renew, leases=share.leases)
            )
    finally:
        share.stop.set()


def _summary(share: RunningShare, seconds: float) -> Share:
    rows: dict[tuple[str, str], dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(("submitted", "deferred", "refused", "unknown"), 0)
    )
    for (receiver, egress, state), count in share.by_receiver.items():
        rows[receiver, egress][state] += count
    table: list[dict[str, str | int]] = [
        {"receiver": receiver, "egress": egress, **counts}
        for (receiver, egress), counts in sorted(rows.items())
    ]
    return Share(dict(sorted(share.ended.items())), table, round(seconds, 3))
