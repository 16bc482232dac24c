"""What each node last said of itself: the ground on which "it never arrived" may be concluded. Machine time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class QueueSeen:
    """The node's queue at a moment; `up` False: Postfix did not answer, and `queued` says nothing."""

    up: bool
    read_at: datetime
    queued: Sequence[str]


def node_id(conn: Connection, name: str) -> int | None:
    """The id of a node; a node's own role finds only itself."""
    return conn.execute(
        text("SELECT node_id FROM mailfleet.nodes WHERE name = :name"), {"name": name}
    ).scalar()


def cursor(conn: Connection, node: int) -> dict[str, Any]:
    """How far the node's log was read; empty before the first time. Its reader keeps the row until it commits."""
    conn.execute(text("""
        INSERT INTO mailfleet.heartbeats (node_id, beat_at, worker) VALUES (:node, clock_timestamp(), '')
        ON CONFLICT DO NOTHING
    """), {"node": node})  # fmt: skip
    found = conn.execute(
        text("SELECT log_cursor FROM mailfleet.heartbeats WHERE node_id = :node FOR UPDATE"), {"node": node}
    )
    return dict(found.scalar_one())


def log_read(conn: Connection, node: int, cursor: Mapping[str, Any], *, until: datetime | None) -> None:
    """The log was read up to the cursor; `until`: all of it that was written before then, None where more is left."""
    conn.execute(text("""
        UPDATE mailfleet.heartbeats SET log_cursor = CAST(:cursor AS jsonb), log_read_at = coalesce(:until, log_read_at)
         WHERE node_id = :node
    """), {"node": node, "cursor": json.dumps(cursor), "until": until})  # fmt: skip


def beat(conn: Connection, node: int, *, worker: str, queue: QueueSeen) -> None:
    """The node lives, and this is its queue."""
    conn.execute(text("""
        INSERT INTO mailfleet.heartbeats (node_id, beat_at, worker, postfix_up, queue_read_at, queued)
        VALUES (:node, clock_timestamp(), :worker, :up, CASE WHEN :up THEN CAST(:read_at AS timestamptz) END, :queued)
        ON CONFLICT (node_id) DO UPDATE
           SET beat_at = EXCLUDED.beat_at, worker = EXCLUDED.worker, postfix_up = EXCLUDED.postfix_up,
               queue_read_at = coalesce(EXCLUDED.queue_read_at, heartbeats.queue_read_at),
               queued = CASE WHEN EXCLUDED.postfix_up THEN EXCLUDED.queued ELSE heartbeats.queued END
    """), {
        "node": node, "worker": worker, "up": queue.up, "read_at": queue.read_at, "queued": list(queue.queued),
    })  # fmt: skip
