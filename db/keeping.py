"""What house-keeping looks for: holds that may end, and messages whose time passed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text


def held(conn: Connection, *, after: int, limit: int) -> list[int]:
    """Held messages, locked, in the order of their numbers."""
    rows = conn.execute(text("""
        SELECT message_id FROM mailfleet.messages WHERE state = 'held' AND message_id > :after
         ORDER BY message_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """), {"after": after, "limit": limit})  # fmt: skip
    return [int(message_id) for message_id in rows.scalars()]


def hold_longer(conn: Connection, holds: Mapping[int, tuple[datetime, str]]) -> None:
    """These are held until then, for this reason."""
    conn.execute(text("""
        UPDATE mailfleet.messages AS m SET hold_until = w.until, reason = w.reason
          FROM unnest(CAST(:ids AS bigint[]), CAST(:untils AS timestamptz[]), CAST(:reasons AS text[]))
                 AS w (message_id, until, reason)
         WHERE m.message_id = w.message_id AND m.state = 'held' AND (m.hold_until, m.reason) IS DISTINCT FROM (w.until, w.reason)
    """), {"ids": list(holds), "untils": [until for until, _ in holds.values()],
           "reasons": [reason for _, reason in holds.values()]})  # fmt: skip


def overdue(conn: Connection, *, tries: int, limit: int, now: datetime) -> list[int]:
    """Waiting messages that will not be tried any more, locked."""
    rows = conn.execute(text("""
        SELECT message_id FROM mailfleet.messages
         WHERE state IN ('planned', 'deferred') AND (expires_at <= :now OR attempt >= :tries)
         ORDER BY message_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """), {"now": now, "tries": tries, "limit": limit})  # fmt: skip
    return [int(message_id) for message_id in rows.scalars()]


def ensure_months(conn: Connection, ahead: int) -> int:
    """Partitions for the months ahead are there; how many are new."""
    return int(conn.execute(text("SELECT mailfleet.ensure_months(:ahead)"), {"ahead": ahead}).scalar_one())


def forget_old_leases(conn: Connection) -> int:
    """Batches that ended long ago and hold nothing are gone."""
    return conn.execute(text("""
        DELETE FROM mailfleet.leases AS l WHERE name LIKE 'batch %' AND expires_at < clock_timestamp() - interval '1 hour'
           AND NOT EXISTS (SELECT FROM mailfleet.messages m WHERE m.lease_id = l.lease_id)
    """)).rowcount  # fmt: skip


def forget_old_keys(conn: Connection, days: int) -> int:
    """What was seen that long ago is not delivered again: its key is dropped."""
    return conn.execute(text("""
        DELETE FROM mailfleet.event_keys WHERE seen_at < clock_timestamp() - make_interval(days => :days)
    """), {"days": days}).rowcount  # fmt: skip
