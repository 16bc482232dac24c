"""Who holds a batch or a node's wave, on the machine clock; a fence that grows tells a late holder apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

SECONDS = 120
NEEDED = 60  # no chunk begins with less than this left


@dataclass(frozen=True)
class Lease:
    """What its holder must show to act in its name."""

    lease_id: int
    fence: int


def take(conn: Connection, *, name: str, node_id: int, holder: str) -> Lease | None:
    """The lease of this name, with a new fence; None while another holder's has not run out."""
    row = conn.execute(text("""
        INSERT INTO mailfleet.leases AS l (name, node_id, holder, expires_at)
        VALUES (:name, :node, :holder, clock_timestamp() + make_interval(secs => :seconds))
        ON CONFLICT (name) DO UPDATE
           SET holder = excluded.holder, fence = l.fence + 1, expires_at = excluded.expires_at
         WHERE l.expires_at <= clock_timestamp() OR l.holder = excluded.holder
        RETURNING lease_id, fence
    """), {"name": name, "node": node_id, "holder": holder, "seconds": SECONDS}).first()  # fmt: skip
    return Lease(row.lease_id, row.fence) if row else None


def renew(conn: Connection, leases: Sequence[Lease]) -> frozenset[Lease]:
    """Those that were still held and are held for the full time again."""
    rows = conn.execute(text("""
        UPDATE mailfleet.leases AS l SET expires_at = clock_timestamp() + make_interval(secs => :seconds)
          FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[])) AS mine (lease_id, fence)
         WHERE l.lease_id = mine.lease_id AND l.fence = mine.fence AND l.expires_at > clock_timestamp()
        RETURNING l.lease_id, l.fence
    """), _arrays(leases) | {"seconds": SECONDS})  # fmt: skip
    return frozenset(Lease(row.lease_id, row.fence) for row in rows)


def holds(conn: Connection, lease: Lease) -> bool:
    """Whether nobody took it over; locks it until the end of the transaction."""
    return conn.execute(text("""
        SELECT 1 FROM mailfleet.leases WHERE lease_id = :lease_id AND fence = :fence FOR UPDATE
    """), vars(lease)).first() is not None  # fmt: skip


def let_go(conn: Connection, lease: Lease) -> None:
    """Whoever wants it may take it at once; the row stays, so that its fence goes on growing."""
    conn.execute(text("""
        UPDATE mailfleet.leases SET expires_at = clock_timestamp() WHERE lease_id = :lease_id AND fence = :fence
    """), vars(lease))  # fmt: skip


def end_all(conn: Connection) -> None:
    """Every lease has run out. For whoever knows that no holder lives any more, as after a crash of the whole machine."""
    conn.execute(text("UPDATE mailfleet.leases SET expires_at = least(expires_at, clock_timestamp())"))


def take_over_dead(conn: Connection, limit: int) -> list[Lease]:
    """Batches whose holder is gone, now ours under a new fence: the old holder's word counts no more."""
    rows = conn.execute(text("""
        UPDATE mailfleet.leases AS l SET fence = l.fence + 1, holder = 'recovery'
          FROM (SELECT lease_id FROM mailfleet.leases
                 WHERE name LIKE 'batch %' AND expires_at <= clock_timestamp()
                 ORDER BY lease_id LIMIT :limit FOR UPDATE SKIP LOCKED) AS dead
         WHERE l.lease_id = dead.lease_id
        RETURNING l.lease_id, l.fence
    """), {"limit": limit})  # fmt: skip
    return [Lease(row.lease_id, row.fence) for row in rows]


def forget(conn: Connection, leases: Sequence[Lease]) -> int:
    """Batches that hold no message any more are gone; those that do stay."""
    return conn.execute(text("""
        DELETE FROM mailfleet.leases AS l USING unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[])) AS o (id, fence)
         WHERE l.lease_id = o.id AND l.fence = o.fence
           AND NOT EXISTS (SELECT FROM mailfleet.messages m WHERE m.lease_id = l.lease_id)
    """), _arrays(leases)).rowcount  # fmt: skip


def _arrays(leases: Sequence[Lease]) -> dict[str, list[int]]:
    return {"ids": [lease.lease_id for lease in leases], "fences": [lease.fence for lease in leases]}
