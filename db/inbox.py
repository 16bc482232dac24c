"""Whatever arrives, raw, before anybody tries to understand it; once, however often it is delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Arrival:
    """One thing that arrived; the same key is the same thing."""

    key: bytes
    place: str
    body: bytes


@dataclass(frozen=True)
class Item:
    """One that waits to be understood."""

    inbox_id: int
    source: str
    node_id: int | None
    body: bytes
    recorded_at: datetime


def put(
    conn: Connection, arrivals: Sequence[Arrival], *, source: str, now: datetime, node_id: int | None = None
) -> int:
    """They are in the inbox; how many were new."""
    if not arrivals:
        return 0
    return int(conn.execute(text("""
        WITH arrived AS (
            SELECT DISTINCT ON (key) key, place, body, position
              FROM unnest(CAST(:keys AS bytea[]), CAST(:places AS text[]), CAST(:bodies AS bytea[]))
                   WITH ORDINALITY AS w (key, place, body, position) ORDER BY key, position
        ), fresh AS (
            INSERT INTO mailfleet.event_keys (source, natural_key) SELECT :source, key FROM arrived ORDER BY key
            ON CONFLICT DO NOTHING RETURNING natural_key
        )
        INSERT INTO mailfleet.inbox (source, node_id, place, body, received_at)
        SELECT :source, CAST(:node AS int), place, body, :now
          FROM arrived JOIN fresh ON natural_key = key ORDER BY position
    """), {
        "keys": [one.key for one in arrivals], "places": [one.place for one in arrivals],
        "bodies": [one.body for one in arrivals], "source": source, "node": node_id, "now": now,
    }).rowcount)  # fmt: skip


def waiting(conn: Connection, *, after: Item | None, limit: int) -> list[Item]:
    """The next ones that nobody has understood yet, locked; those that another drain holds are left out."""
    rows = conn.execute(text("""
        SELECT inbox_id, source, node_id, body, recorded_at FROM mailfleet.inbox
         WHERE applied_at IS NULL
           AND (CAST(:at AS timestamptz) IS NULL OR (recorded_at, inbox_id) > (:at, :id))
         ORDER BY recorded_at, inbox_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """), {
        "at": after.recorded_at if after else None, "id": after.inbox_id if after else 0, "limit": limit,
    })  # fmt: skip
    return [Item(row.inbox_id, row.source, row.node_id, bytes(row.body), row.recorded_at) for row in rows]


def applied(conn: Connection, item: Item, understood: str, *, version: int, now: datetime) -> None:
    """It was taken for this, and what follows from it is done."""
    conn.execute(text("""
        UPDATE mailfleet.inbox SET understood = :understood, parser_version = :version, applied_at = :now
         WHERE inbox_id = :id AND recorded_at = :at
    """), {
        "understood": understood, "version": version, "now": now, "id": item.inbox_id, "at": item.recorded_at,
    })  # fmt: skip
