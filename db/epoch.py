"""A ledger that is behind what a node has begun was restored from a backup: it holds everything until reopened."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Epoch:
    """Which ledger this is, whether it may send, and the highest chunk that was begun in it."""

    epoch: int
    state: str
    reason: str
    chunk: int


def read(conn: Connection) -> Epoch:
    """The ledger's epoch."""
    row = conn.execute(text("""
        SELECT e.epoch, e.state, e.reason, CASE WHEN s.is_called THEN s.last_value ELSE 0 END AS chunk
          FROM mailfleet.ledger_epoch e, mailfleet.begun_chunks s
    """)).one()  # fmt: skip
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


def next_chunk(conn: Connection) -> int:
    """A number for the chunk about to begin, higher than any before it."""
    return int(conn.execute(text("SELECT nextval('mailfleet.begun_chunks')")).scalar_one())
