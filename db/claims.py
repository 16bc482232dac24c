"""From due to claimed to begun: which messages a worker has, and which of them may leave this very moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, text

from db.allowances import Row
from db.leases import NEEDED, Lease
from db.standing import ENROLLED, LAWFUL, STOPPED, SUPPRESSED
from mailfleet.policy.gate import Facts, Window
from mailfleet.policy.lifecycle import State

SCOPES = ("tenant", "campaign", "mailbox", "domain", "egress", "node", "import")
DIMENSIONS = ("tenant", "campaign", "domain", "mailbox", "egress")


@dataclass(frozen=True)
class Candidate:
    """A due message under our lock, with its standing."""

    state: State
    facts: Facts
    rows: tuple[Row, ...]  # the allowances it would take of


@dataclass(frozen=True)
class Begun:
    """A message on the line: its try's number and start (machine time)."""

    message_id: int
    attempt: int
    began_at: datetime


@dataclass(frozen=True)
class Orphan:
    """A message in a batch whose worker is gone."""

    message_id: int
    tenant_id: int
    state: State
    attempt: int
    node_id: int
    egress_id: int
    fence: int
    began_at: datetime
    found_at: datetime


DUE = """
    SELECT message_id FROM mailfleet.messages
     WHERE node_id = :node AND due_at <= :now AND state IN ('planned', 'deferred')
     ORDER BY due_at, message_id LIMIT :limit FOR UPDATE SKIP LOCKED
"""


def lock_due(conn: Connection, *, node_id: int, limit: int, now: datetime) -> list[int]:
    """This node's next due messages, locked; those another worker has locked are passed over."""
    rows = conn.execute(text(DUE), {"node": node_id, "now": now, "limit": limit})
    return [int(message_id) for message_id in rows.scalars()]


def candidates(conn: Connection, message_ids: Sequence[int], *, now: datetime) -> list[Candidate]:
    """What the gate must know of these messages, oldest first."""
    rows = conn.execute(text(f"""
        SELECT m.message_id, m.state, m.attempt, m.expires_at, m.tenant_id, m.campaign_id, m.mailbox_id, m.domain_id,
               m.egress_id, m.egress_owner, m.node_id, m.import_id, l.basis, l.time_zone, v.window_start, v.window_end,
               e.enrolment_id IS NOT NULL AS enrolled, e.ended, ({SUPPRESSED}) AS suppressed
          FROM mailfleet.messages m
          LEFT JOIN mailfleet.leads l ON l.tenant_id = m.tenant_id AND l.lead_id = m.lead_id
          LEFT JOIN mailfleet.enrolments e ON e.tenant_id = m.tenant_id AND e.enrolment_id = m.enrolment_id
          LEFT JOIN mailfleet.campaign_versions v
                 ON v.tenant_id = m.tenant_id AND v.campaign_id = m.campaign_id AND v.version = m.campaign_version
         WHERE m.message_id = ANY(:ids) ORDER BY m.due_at, m.message_id
    """), {"ids": list(message_ids), "now": now})  # fmt: skip
    return [_candidate(row) for row in rows.mappings()]


def _candidate(row: RowMapping) -> Candidate:
    window = Window(row["time_zone"], row["window_start"], row["window_end"]) if row["window_start"] else None
    facts = Facts(
        row["message_id"], row["attempt"], row["expires_at"], {scope: row[f"{scope}_id"] for scope in SCOPES},
        row["basis"], row["suppressed"], row["enrolled"], row["ended"], window if row["time_zone"] else None,
    )  # fmt: skip
    return Candidate(State(row["state"]), facts, tuple(_rows(row)))


def _rows(row: RowMapping) -> list[Row]:
    """A shared egress is counted for all tenants together, anything else for its own."""
    shared = {"egress"} if row["egress_owner"] == 0 else set()
    return [
        Row(None if dimension in shared else row["tenant_id"], dimension, row[f"{dimension}_id"])
        for dimension in DIMENSIONS
        if row[f"{dimension}_id"] is not None
    ]


def claim(conn: Connection, lease: Lease, message_ids: Sequence[int], *, hour: datetime) -> None:
    """These messages, locked and paid for, are in the lease's batch."""
    conn.execute(text("""
        UPDATE mailfleet.messages SET state = 'claimed', reason = NULL, allowed_hour = :hour, lease_id = :lease_id, fence = :fence
         WHERE message_id = ANY(:ids) AND state IN ('planned', 'deferred')
    """), vars(lease) | {"ids": list(message_ids), "hour": hour})  # fmt: skip


def put_off(conn: Connection, later: Mapping[int, tuple[datetime, str]]) -> None:
    """These wait until later, with the reason: else every claim would read them again."""
    conn.execute(text("""
        UPDATE mailfleet.messages AS m SET due_at = w.due_at, reason = w.reason
          FROM unnest(CAST(:ids AS bigint[]), CAST(:dues AS timestamptz[]), CAST(:reasons AS text[]))
                 AS w (message_id, due_at, reason)
         WHERE m.message_id = w.message_id AND m.state IN ('planned', 'deferred')
    """), {"ids": list(later), "dues": [due for due, _ in later.values()],
           "reasons": [why for _, why in later.values()]})  # fmt: skip


# The last gate (law 4): what was committed before this statement counts, whatever the claim had read.
BEGIN = f"""
    UPDATE mailfleet.messages AS m
       SET state = 'sending', attempt = m.attempt + 1, began_at = clock_timestamp(), queue_ref = NULL, allowed_hour = NULL
      FROM mailfleet.leases AS held
     WHERE held.lease_id = :lease_id AND held.fence = :fence
       AND held.expires_at >= clock_timestamp() + make_interval(secs => {NEEDED})
       AND m.lease_id = held.lease_id AND m.fence = held.fence AND m.message_id = ANY(:ids) AND m.state = 'claimed'
       AND m.expires_at > :now
       AND EXISTS (SELECT FROM mailfleet.ledger_epoch WHERE state = 'open')
       AND NOT EXISTS ({SUPPRESSED}) AND NOT EXISTS ({STOPPED}) AND EXISTS ({ENROLLED}) AND EXISTS ({LAWFUL})
    RETURNING m.message_id, m.attempt, m.began_at
"""


def begin(conn: Connection, lease: Lease, message_ids: Sequence[int], *, now: datetime) -> list[Begun]:
    """Those that may leave are `sending`: commit before their first byte. The others are claimed as before."""
    rows = conn.execute(text(BEGIN), vars(lease) | {"ids": list(message_ids), "now": now})
    return [Begun(**row) for row in rows.mappings()]


def still_claimed(conn: Connection, lease: Lease, message_ids: Sequence[int]) -> list[int]:
    """Which of these are in the lease's batch, not begun; locked."""
    rows = conn.execute(text("""
        SELECT message_id FROM mailfleet.messages
         WHERE message_id = ANY(:ids) AND lease_id = :lease_id AND fence = :fence AND state = 'claimed'
           AND EXISTS (SELECT FROM mailfleet.leases l WHERE l.lease_id = :lease_id AND l.fence = :fence)
         ORDER BY message_id FOR UPDATE
    """), vars(lease) | {"ids": list(message_ids)})  # fmt: skip
    return [int(message_id) for message_id in rows.scalars()]


def orphans(conn: Connection, leases: Sequence[Lease]) -> list[Orphan]:
    """The messages of these batches, locked."""
    rows = conn.execute(text("""
        SELECT message_id, tenant_id, state, attempt, node_id, egress_id, fence,
               coalesce(began_at, clock_timestamp()) AS began_at, clock_timestamp() AS found_at
          FROM mailfleet.messages WHERE lease_id = ANY(:ids) ORDER BY message_id FOR UPDATE
    """), {"ids": [lease.lease_id for lease in leases]})  # fmt: skip
    return [Orphan(**{**row, "state": State(row["state"])}) for row in rows.mappings()]
