"""Incidents: what was decided without a person, on which evidence, until when (law 7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class NewIncident:
    """One decision about one scope."""

    tenant_id: int | None
    scope: str
    scope_id: int
    action: str
    cause: str
    evidence: Mapping[str, Any]
    until: datetime | None
    ends_when: str


def slowed(conn: Connection) -> frozenset[tuple[str, int]]:
    """The scopes whose caps are halved now."""
    rows = conn.execute(
        text("""
        SELECT DISTINCT scope, scope_id FROM mailfleet.incidents
         WHERE action = 'slow' AND ended_at IS NULL AND (until IS NULL OR until > mailfleet.business_now())
    """)
    )
    return frozenset((row.scope, row.scope_id) for row in rows)


def open_incident(conn: Connection, new: NewIncident, *, now: datetime) -> int | None:
    """The new incident's id; None where the same one is open already. One that has run out is ended first."""
    close_expired(conn, now=now, scope=new.scope, scope_id=new.scope_id)
    return conn.execute(text("""
        INSERT INTO mailfleet.incidents (tenant_id, scope, scope_id, action, cause, evidence, since, until, ends_when)
        VALUES (:tenant_id, :scope, :scope_id, :action, :cause, CAST(:evidence AS jsonb), :now, :until, :ends_when)
        ON CONFLICT (scope, scope_id, cause, action) WHERE ended_at IS NULL DO NOTHING RETURNING incident_id
    """), vars(new) | {"evidence": json.dumps(new.evidence, default=str), "now": now}).scalar()  # fmt: skip


def close_expired(
    conn: Connection, *, now: datetime, scope: str | None = None, scope_id: int | None = None
) -> int:
    """Incidents that have run out are ended at the time they ran out; of one scope where it is given."""
    return int(conn.execute(text("""
        UPDATE mailfleet.incidents SET ended_at = until
         WHERE ended_at IS NULL AND until <= :now
           AND (CAST(:scope AS text) IS NULL OR scope = :scope AND scope_id = :scope_id)
    """), {"now": now, "scope": scope, "scope_id": scope_id}).rowcount)  # fmt: skip
