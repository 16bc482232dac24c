"""On a node, under its own role: what its Postfix has done is stored, and what must not leave is pulled out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from db import clock, egresses, heartbeats, inbox, queue_ids
from db.engine import Connection, Engine, transaction
from db.heartbeats import QueueSeen
from db.inbox import Arrival
from mailfleet.acts.keys import Keys
from mailfleet.acts.refused import Refused
from mailfleet.mail import ids, postfix_log
from mailfleet.mail.postfix_log import Active, Entry, Named, Removed, Status, Tried
from mailfleet.probes import postfix
from mailfleet.probes.postfix import Cursor, Read

EVER = "0001-01-01T00:00:00+00:00"  # nothing of the log is missing


@dataclass(frozen=True)
class Line:
    """A line of the log about some message."""

    raw: bytes
    entry: Entry


def read_node(
    engine: Engine,
    keys: Keys,
    *,
    node: str,
    log: Path,
    postqueue: Path,
    config_dir: Path | None = None,
    worker: str | None = None,
) -> dict[str, int]:
    """The node's queue was looked at, what a stop or a suppression forbids was pulled out of it, and the log was read
    to its end. Understanding is role control's. Counts: `lines` of ours that were new, `named`, `queued` (missing where
    Postfix does not answer: nothing is known of its queue), `pulled`, `gone` (should have been pulled and was not
    there any more).
    """
    with transaction(engine) as conn:
        node_id = _node(conn, node)
        looked_at = clock.machine_now(conn)
    queued = postfix.queue(postqueue, config_dir)
    with transaction(engine) as conn:
        seen = QueueSeen(queued is not None, looked_at, queued or ())
        heartbeats.beat(conn, node_id, worker=worker or node, queue=seen)
        forbidden = queue_ids.to_pull(conn, node_id, queued or (), now=clock.now(conn))
    pulled = postfix.delete(postqueue, config_dir, forbidden) if forbidden else []
    counts = Counter(lines=0, named=0, pulled=len(pulled), gone=len(forbidden) - len(pulled))
    if queued is not None:
        counts["queued"] = len(queued)
    while _read_on(engine, keys, node_id, log, counts):
        pass
    return dict(counts)


def has_postfix(engine: Engine, node: str) -> bool:
    """Whether a Postfix is among the node's ways out: else it has no log of ours, and no queue."""
    with transaction(engine) as conn:
        return any(egress.kind == "postfix" for egress in egresses.of_node(conn, _node(conn, node)))


def _node(conn: Connection, name: str) -> int:
    node_id = heartbeats.node_id(conn, name)
    if node_id is None:
        raise Refused(f"there is no node {name}, or DATABASE_NODE_URL is another node's: check NODE_NAME")
    return node_id


def _read_on(engine: Engine, keys: Keys, node_id: int, log: Path, counts: Counter[str]) -> bool:
    """Reads some more of the log, in one transaction with the place where it stopped; whether there is more."""
    with transaction(engine) as conn:
        before = clock.machine_now(conn)
        place = heartbeats.cursor(conn, node_id)
        start = Cursor(place.get("inode", 0), place.get("offset", 0))
        found = postfix.read_log(log, start)
        counts.update(_store(conn, keys, node_id, log, found))
        heartbeats.log_read(conn, node_id, _place(place, found, before), until=before if found.all else None)
    return not found.all and found.cursor != start


def _place(place: Mapping[str, Any], found: Read, now: datetime) -> dict[str, Any]:
    """Where to go on, and since when the log is known without a gap."""
    whole_since = now.isoformat() if found.gap else place.get("whole_since", EVER)
    return {"inode": found.cursor.inode, "offset": found.cursor.offset, "whole_since": whole_since}


def _store(conn: Connection, keys: Keys, node_id: int, log: Path, found: Read) -> dict[str, int]:
    lines = [
        Line(raw, entry) for raw in found.lines if (entry := postfix_log.read(raw.decode("utf-8", "replace")))
    ]
    named = _named(keys, lines)
    queue_ids.name(conn, node_id, named)
    queue_ids.activate(
        conn, node_id, [line.entry.queue_id for line in lines if isinstance(line.entry, Active)]
    )
    wanted = [line for line in lines if _tells(line.entry)]
    ours = queue_ids.ours(conn, node_id, {line.entry.queue_id for line in wanted})
    arrivals = [_arrival(node_id, log, line) for line in wanted if line.entry.queue_id in ours]
    stored = inbox.put(conn, arrivals, source="node_log", node_id=node_id, now=clock.now(conn))
    return {"lines": stored, "named": len(named)}


def _named(keys: Keys, lines: Sequence[Line]) -> dict[str, int]:
    found = (
        (line.entry.queue_id, ids.read_message_id(keys.tokens.keys, line.entry.message_id))
        for line in lines
        if isinstance(line.entry, Named)
    )
    return {queue_id: number for queue_id, number in found if number is not None}


def _tells(entry: Entry) -> bool:
    """Whether the line is worth keeping: how a try ended, or that somebody took the message out. That the node gave
    up follows each deferral, in the same second, and says nothing new.
    """
    if isinstance(entry, Tried):
        return entry.status is not Status.EXPIRED
    return isinstance(entry, Removed) and entry.pulled


def _arrival(node_id: int, log: Path, line: Line) -> Arrival:
    return Arrival(hashlib.sha256(b"%d\n%s" % (node_id, line.raw)).digest(), log.name, line.raw)
