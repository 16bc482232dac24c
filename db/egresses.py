"""A node and its ways out, as the node itself may read them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Egress:
    """Where to hand messages to, and how."""

    egress_id: int
    name: str
    kind: str
    host: str
    port: int
    helo: str
    tls: str
    connections: int


def node_id(conn: Connection, name: str) -> int | None:
    """The node's id; None where there is none of this name, or it is not ours to see."""
    return conn.execute(
        text("SELECT node_id FROM mailfleet.nodes WHERE name = :name"), {"name": name}
    ).scalar()


def of_node(conn: Connection, node: int) -> list[Egress]:
    """The node's ways out, by name."""
    rows = conn.execute(text("""
        SELECT egress_id, name, kind, host, port, helo, tls, connections FROM mailfleet.egresses
         WHERE node_id = :node ORDER BY name
    """), {"node": node})  # fmt: skip
    return [Egress(**row) for row in rows.mappings()]
