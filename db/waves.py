"""How much a node still has before it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text


def due(conn: Connection, *, node: str, now: datetime) -> int:
    """Messages of this node that could be claimed now, by the look of it: the gate may think otherwise."""
    return int(conn.execute(text("""
        SELECT count(*) FROM mailfleet.messages JOIN mailfleet.nodes n USING (node_id)
         WHERE n.name = :node AND due_at <= :now AND state IN ('planned', 'deferred')
    """), {"node": node, "now": now}).scalar_one())  # fmt: skip
