"""Two tenants with a row in every table: acme's mail has left by node-1, bolt's waits on node-2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy import Engine, text

from db.engine import Connection, transaction
from tests.conftest import Ledger
from tests.house.rows import Filled, fill

# Whatever of bolt's names a node names node-2, and its message has not left.
MOVES = (
    "DELETE FROM mailfleet.verdicts WHERE message_id = :message",
    """UPDATE mailfleet.messages SET state = 'planned', submitted_at = NULL, node_id = NULL, egress_id = NULL, egress_owner = NULL
        WHERE message_id = :message""",
    "UPDATE mailfleet.egresses SET node_id = :node WHERE owner_id = :tenant",
    """UPDATE mailfleet.messages m SET node_id = :node, egress_id = e.egress_id, egress_owner = e.owner_id
         FROM mailfleet.egresses e WHERE e.owner_id = :tenant AND m.message_id = :message""",
    """INSERT INTO mailfleet.verdicts (tenant_id, message_id, verdict, mailbox_id, domain_id, receiver, judged_at)
       SELECT tenant_id, message_id, 'accepted', mailbox_id, domain_id, receiver, planned_at
         FROM mailfleet.messages WHERE message_id = :message""",
    "UPDATE mailfleet.leases SET node_id = :node WHERE name = 'batch bolt'",
    "UPDATE mailfleet.queue_ids SET node_id = :node WHERE message_id = :message",
    "UPDATE mailfleet.attempts SET node_id = :node WHERE message_id = :message",
    "INSERT INTO mailfleet.heartbeats (node_id, beat_at, worker) VALUES (:node, clock_timestamp(), 'other')",
    "INSERT INTO mailfleet.node_chunks (node_id, chunk) VALUES (:node, 1)",
)


@dataclass(frozen=True)
class World:
    """The two tenants, and the ledger they are in."""

    ledger: Ledger
    acme: Filled
    bolt: Filled

    def on(self, ledger: Ledger) -> World:
        """The same in a copy."""
        return replace(self, ledger=ledger)

    @cached_property
    def tenant(self) -> Engine:
        return self.ledger.engine("tenant")

    @cached_property
    def one(self) -> Engine:
        """node-1's login."""
        return self.ledger.engine("node-1")

    @cached_property
    def two(self) -> Engine:
        """node-2's login."""
        return self.ledger.engine("node-2")


def make(ledger: Ledger) -> World:
    """Fills the ledger."""
    engine = ledger.engine()
    with transaction(engine) as conn:
        acme, bolt = fill(conn, "acme"), _on_node_2(conn, fill(conn, "bolt"))
    engine.dispose()
    return World(ledger, acme, bolt)


def _on_node_2(conn: Connection, bolt: Filled) -> Filled:
    node = conn.execute(text("SELECT node_id FROM mailfleet.nodes WHERE name = 'node-2'")).scalar_one()
    for statement in MOVES:
        conn.execute(text(statement), {"node": node, "message": bolt.message_id, "tenant": bolt.tenant_id})
    return replace(bolt, node_id=node)
