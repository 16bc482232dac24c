"""Alerts that must reach a person: written with the decision, emitted until somebody acknowledges them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Alert:
    """One event that waits to be emitted."""

    outbox_id: int
    event: str
    resource: str
    payload: dict[str, Any]
    created_at: datetime
    tries: int


def put(
    conn: Connection, *, tenant_id: int | None, event: str, resource: str, payload: Mapping[str, Any]
) -> None:
    """The alert will be emitted, if the caller's transaction commits."""
    conn.execute(text("""
        INSERT INTO mailfleet.outbox (tenant_id, event, resource, payload)
        VALUES (:tenant_id, :event, :resource, CAST(:payload AS jsonb))
    """), {
        "tenant_id": tenant_id, "event": event, "resource": resource,
        "payload": json.dumps(payload, ensure_ascii=False, default=str),
    })  # fmt: skip


def waiting(conn: Connection, *, limit: int) -> list[Alert]:
    """The oldest alerts that nobody has acknowledged; each look counts as a try."""
    rows = conn.execute(text("""
        WITH oldest AS (
            SELECT outbox_id FROM mailfleet.outbox WHERE emitted_at IS NULL ORDER BY outbox_id LIMIT :limit FOR UPDATE SKIP LOCKED
        )
        UPDATE mailfleet.outbox o SET tries = tries + 1 FROM oldest WHERE o.outbox_id = oldest.outbox_id
        RETURNING o.outbox_id, o.event, o.resource, o.payload, o.created_at, o.tries
    """), {"limit": limit})  # fmt: skip
    return sorted((Alert(**row) for row in rows.mappings()), key=lambda alert: alert.outbox_id)


def acknowledge(conn: Connection, ids: Sequence[int]) -> int:
    """These have reached whom they are for; how many had not before."""
    return int(conn.execute(text("""
        UPDATE mailfleet.outbox SET emitted_at = clock_timestamp() WHERE outbox_id = ANY(:ids) AND emitted_at IS NULL
    """), {"ids": list(ids)}).rowcount)  # fmt: skip
