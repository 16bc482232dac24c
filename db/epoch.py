"""A ledger that is behind what a node has begun was restored from a backup: it holds everything until reopened."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from db.leases import Lease


@dataclass(frozen=True)
class Epoch:
    """Which life of the ledger this is, and whether it may send."""

    epoch: int
    state: str
    reason: str


def read(conn: Connection) -> Epoch:
    """The ledger's epoch."""
    row = conn.execute(text("SELECT epoch, state, reason FROM mailfleet.ledger_epoch")).one()
    return Epoch(**row._mapping)


def hold(conn: Connection, reason: str) -> bool:
    """Nothing is claimed or begun any more, by anybody; False where it was held already."""
    return conn.execute(text("""
        UPDATE mailfleet.ledger_epoch SET state = 'holding', since = clock_timestamp(), reason = :reason WHERE state = 'open'
    """), {"reason": reason}).rowcount > 0  # fmt: skip


def reopen(conn: Connection, reason: str) -> Epoch | None:
    """Open again, in a new epoch: what nodes remember of the old one counts no more. None where it is open."""
    moved = conn.execute(text("""
        UPDATE mailfleet.ledger_epoch SET state = 'open', epoch = epoch + 1, since = clock_timestamp(), reason = :reason
         WHERE state = 'holding'
    """), {"reason": reason}).rowcount  # fmt: skip
    return read(conn) if moved else None


def begun(conn: Connection, node_id: int) -> int:
    """The highest chunk that the node has begun, as far as this ledger knows."""
    return int(conn.execute(text("""
        SELECT coalesce(max(chunk), 0) FROM mailfleet.node_chunks WHERE node_id = :node
    """), {"node": node_id}).scalar_one())  # fmt: skip


def next_chunk(conn: Connection, lease: Lease) -> int:
    """A number for the chunk about to begin, higher than any before it of the lease's node; 0 where the lease is gone:
    nothing begins then.
    """
    return conn.execute(text("""
        INSERT INTO mailfleet.node_chunks AS c (node_id, chunk)
        SELECT node_id, 1 FROM mailfleet.leases WHERE lease_id = :lease_id AND fence = :fence
        ON CONFLICT (node_id) DO UPDATE SET chunk = c.chunk + 1 RETURNING chunk
    """), vars(lease)).scalar() or 0  # fmt: skip
