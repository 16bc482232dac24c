"""Which of our messages a node's queue ids are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from db.standing import ENROLLED, STOPPED, SUPPRESSED


def name(conn: Connection, node_id: int, named: Mapping[str, int]) -> None:
    """These queue ids of the node are these messages; what is no message of this node's is left out."""
    if named:
        conn.execute(text("""
            INSERT INTO mailfleet.queue_ids (node_id, queue_id, message_id)
            SELECT :node, queue_id, message_id
              FROM unnest(CAST(:queue_ids AS text[]), CAST(:messages AS bigint[])) AS w (queue_id, message_id)
              JOIN mailfleet.messages m USING (message_id) ORDER BY queue_id
            ON CONFLICT (node_id, queue_id) DO NOTHING
        """), {"node": node_id, "queue_ids": list(named), "messages": list(named.values())})  # fmt: skip


def activate(conn: Connection, node_id: int, queue_ids: Sequence[str]) -> None:
    """The queue manager took these over; what is a message of another node's by now is left out."""
    if queue_ids:
        conn.execute(text("""
            UPDATE mailfleet.queue_ids AS q SET active = true
             WHERE q.node_id = :node AND q.queue_id = ANY(:ids) AND NOT q.active
               AND EXISTS (SELECT FROM mailfleet.messages m WHERE m.message_id = q.message_id)
        """), {"node": node_id, "ids": list(queue_ids)})  # fmt: skip


def ours(conn: Connection, node_id: int, queue_ids: Collection[str]) -> dict[str, int]:
    """The message of each of these queue ids that is one of ours."""
    rows = conn.execute(
        text(
            "SELECT queue_id, message_id FROM mailfleet.queue_ids WHERE node_id = :node AND queue_id = ANY(:ids)"
        ),
        {"node": node_id, "ids": list(queue_ids)},
    )
    return {row.queue_id: row.message_id for row in rows}


def to_pull(conn: Connection, node_id: int, queued: Collection[str], *, now: datetime) -> list[str]:
    """Of what is in the node's queue: what the gate would not let go any more (law 4)."""
    rows = conn.execute(text(f"""
        WITH queued AS (
            SELECT m.*, m.queue_ref AS queue_id FROM mailfleet.messages m
             WHERE m.node_id = :node AND m.queue_ref = ANY(:ids) AND m.state = 'submitted'
            UNION ALL
            SELECT m.*, q.queue_id FROM mailfleet.queue_ids q JOIN mailfleet.messages m USING (message_id)
             WHERE q.node_id = :node AND q.queue_id = ANY(:ids) AND m.state = 'unknown'
        )
        SELECT queue_id FROM queued m
         WHERE EXISTS ({STOPPED}) OR EXISTS ({SUPPRESSED}) OR NOT EXISTS ({ENROLLED})
            OR mailfleet.domain_suppressed(m.tenant_id, m.lead_id, :now)
    """), {"node": node_id, "ids": list(queued), "now": now})  # fmt: skip
    return list(rows.scalars())
