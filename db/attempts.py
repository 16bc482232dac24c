"""Every try as the worker saw it: appended, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Attempt:
    """One try. Times are the machine's. `late`: the worker had lost its lease."""

    tenant_id: int
    message_id: int
    attempt: int
    node_id: int
    egress_id: int
    fence: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    about: str | None
    reply: str
    queue_ref: str | None
    late: bool = False


_COLUMNS = {
    "tenant_id": "int", "message_id": "bigint", "attempt": "int", "node_id": "int", "egress_id": "int", "fence": "bigint",
    "started_at": "timestamptz", "ended_at": "timestamptz", "outcome": "text", "about": "text", "reply": "text",
    "queue_ref": "text", "late": "boolean",
}  # fmt: skip
_APPEND = f"""
    INSERT INTO mailfleet.attempts ({", ".join(_COLUMNS)})
    SELECT * FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())})
"""


def append(conn: Connection, attempts: Sequence[Attempt]) -> None:
    """The tries are in the ledger."""
    if attempts:
        conn.execute(text(_APPEND), {name: [getattr(one, name) for one in attempts] for name in _COLUMNS})
