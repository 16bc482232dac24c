"""What happened to messages: one row for each thing that happened, from whichever source, appended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class NewEvent:
    """One thing that happened to one message, with its state before and after."""

    tenant_id: int
    message_id: int
    event: str
    source: str
    before: str
    after: str
    verdict: str | None = None
    about: str | None = None
    reply: str | None = None
    inbox_id: int | None = None


_COLUMNS = {
    "tenant_id": "int", "message_id": "bigint", "event": "text", "source": "text", "before": "text", "after": "text",
    "verdict": "text", "about": "text", "reply": "text", "inbox_id": "bigint",
}  # fmt: skip
_APPEND = f"""
    INSERT INTO mailfleet.events ({", ".join(_COLUMNS)}, occurred_at)
    SELECT w.*, :now FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())}) AS w
"""


def append(conn: Connection, events: Sequence[NewEvent], *, now: datetime) -> None:
    """The events are in the ledger, as of business time `now`."""
    if events:
        columns: dict[str, object] = {name: [getattr(one, name) for one in events] for name in _COLUMNS}
        conn.execute(text(_APPEND), columns | {"now": now})
