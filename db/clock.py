"""The business clock: a row, read once per transaction (law 12)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text


def now(conn: Connection) -> datetime:
    """Business time. Outside a demo, the wall clock."""
    return conn.execute(text("SELECT mailfleet.business_now()")).scalar_one()  # type: ignore[no-any-return]


def machine_now(conn: Connection) -> datetime:
    """Machine time: leases, heartbeats, attempts. Never accelerated."""
    return conn.execute(text("SELECT clock_timestamp()")).scalar_one()  # type: ignore[no-any-return]


def is_demo(conn: Connection) -> bool:
    """Whether this database was made for a demo."""
    return bool(conn.execute(text("SELECT demo FROM mailfleet.clock")).scalar_one())


def move(conn: Connection, to: datetime) -> None:
    """Set a demo's business clock forward; the database refuses anything else."""
    conn.execute(
        text("UPDATE mailfleet.clock SET business_at = :to, wall_at = clock_timestamp()"), {"to": to}
    )
