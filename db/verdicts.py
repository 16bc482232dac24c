"""What each message was finally judged to be, once; the breakers' windows are read from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from mailfleet.policy.breaker import Complaints, Window

Scope = tuple[str, int]

_COLUMN = {kind: f"{kind}_id" for kind in ("tenant", "campaign", "mailbox", "domain", "import")}


@dataclass(frozen=True)
class NewVerdict:
    """A final answer on one message, and what the message belonged to."""

    tenant_id: int
    message_id: int
    verdict: str
    campaign_id: int | None
    mailbox_id: int
    domain_id: int
    import_id: int | None
    receiver: str


_KINDS = {
    "tenant_id": "int", "message_id": "bigint", "verdict": "text", "campaign_id": "bigint", "mailbox_id": "int",
    "domain_id": "int", "import_id": "bigint", "receiver": "text",
}  # fmt: skip
_INSERT = f"""
    INSERT INTO mailfleet.verdicts ({", ".join(_KINDS)}, judged_at)
    SELECT w.*, :now FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _KINDS.items())}) AS w
"""


def judge(conn: Connection, verdicts: Sequence[NewVerdict], *, now: datetime) -> None:
    """Each message has a verdict; one that had one keeps it."""
    if verdicts:
        conn.execute(text(f"{_INSERT} ON CONFLICT (message_id) DO NOTHING"), _columns(verdicts, now))


def correct(conn: Connection, verdicts: Sequence[NewVerdict], *, now: datetime) -> None:
    """As `judge`, but "accepted" gives way to a later word; it counts from now. Role control only."""
    if verdicts:
        conn.execute(text(f"""
            {_INSERT} ON CONFLICT (message_id) DO UPDATE SET verdict = EXCLUDED.verdict, judged_at = EXCLUDED.judged_at
             WHERE verdicts.verdict = 'accepted' AND EXCLUDED.verdict <> 'accepted'
        """), _columns(verdicts, now))  # fmt: skip


def complain(conn: Connection, verdict: NewVerdict, *, now: datetime) -> bool:
    """The person complained about the message; False where that was known. Role control only."""
    judge(conn, [verdict], now=now)
    return bool(conn.execute(text("""
        UPDATE mailfleet.verdicts SET complained = true, complained_at = :now WHERE message_id = :message_id AND NOT complained
    """), {"now": now, "message_id": verdict.message_id}).rowcount)  # fmt: skip


def _columns(verdicts: Sequence[NewVerdict], now: datetime) -> dict[str, object]:
    columns: dict[str, object] = {name: [getattr(one, name) for one in verdicts] for name in _KINDS}
    return columns | {"now": now}


def windows(
    conn: Connection, kind: str, ids: Sequence[int], *, now: datetime, last: int, since: timedelta
) -> Mapping[int, Window]:
    """Of each campaign, mailbox, domain or import: its last verdicts, not older than `since`.

    What was judged before the scope was last let go does not count against it a second time.
    """
    column = _COLUMN[kind]
    rows = conn.execute(text(f"""
        SELECT w.id, count(v.verdict) AS final, count(v.verdict) FILTER (WHERE v.verdict = 'hard') AS hard
          FROM unnest(CAST(:ids AS bigint[])) AS w (id)
          LEFT JOIN LATERAL (
                SELECT verdict FROM mailfleet.verdicts
                 WHERE {column} = w.id AND judged_at > greatest(:oldest, (
                       SELECT max(ended_at) FROM mailfleet.incidents
                        WHERE scope = :kind AND scope_id = w.id AND action IN ('pause', 'stop') AND ended_at <= :now))
                 ORDER BY judged_at DESC LIMIT :last) AS v ON true
         GROUP BY w.id
    """), {"ids": list(ids), "kind": kind, "oldest": now - since, "now": now, "last": last})  # fmt: skip
    return {row.id: Window(row.final, row.hard) for row in rows}


def complaints(conn: Connection, scope: Scope, *, now: datetime, reporting: Sequence[str]) -> Complaints:
    """How many complained about this scope, and how many mails were delivered to receivers that report complaints.

    What came before the scope was last let go does not count against it a second time.
    """
    kind, scope_id = scope
    row = conn.execute(text(f"""
        WITH since AS (
            SELECT coalesce(max(ended_at), '-infinity') AS at FROM mailfleet.incidents
             WHERE scope = :kind AND scope_id = :id AND cause LIKE 'complaint%' AND action IN ('rest', 'stop')
               AND ended_at <= :now
        )
        SELECT count(*) FILTER (WHERE v.verdict = 'accepted' AND v.receiver = ANY(:reporting)
                                  AND v.judged_at > CAST(:now AS timestamptz) - interval '7 days') AS delivered,
               count(*) FILTER (WHERE v.complained AND v.receiver = ANY(:reporting)
                                  AND v.complained_at > CAST(:now AS timestamptz) - interval '7 days') AS reported,
               count(*) FILTER (WHERE v.complained AND v.complained_at > CAST(:now AS timestamptz) - interval '24 hours') AS day,
               count(*) FILTER (WHERE v.complained AND v.complained_at > CAST(:now AS timestamptz) - interval '30 days') AS month
          FROM mailfleet.verdicts v, since
         WHERE v.{_COLUMN[kind]} = :id AND greatest(v.judged_at, v.complained_at) > since.at
           AND (v.judged_at > CAST(:now AS timestamptz) - interval '7 days'
                OR v.complained_at > CAST(:now AS timestamptz) - interval '30 days')
    """), {"kind": kind, "id": scope_id, "now": now, "reporting": list(reporting)}).one()  # fmt: skip
    return Complaints(row.delivered, row.reported, row.day, row.month)
