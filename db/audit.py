"""The audit: every act of an operator, in a chain of hashes that nobody can rewrite unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

START = b"\x00" * 32  # what the first act has before it

# One expression for writing and checking: the row as JSON, microseconds for the time, so that no driver,
# time zone or client library has a say in what is hashed.
DIGEST = """
    sha256({previous} || convert_to(jsonb_build_array({seq}, (extract(epoch FROM {at}) * 1000000)::bigint,
                                                      {actor}, {act}, {subject}, {details})::text, 'UTF8'))
"""
OF_A_ROW = DIGEST.format_map(
    {name: name for name in ("previous", "seq", "at", "actor", "act", "subject", "details")}
)
OF_A_NEW_ROW = DIGEST.format(
    previous="previous", seq="seq", at="at",
    actor="CAST(:actor AS text)", act="CAST(:act AS text)",
    subject="CAST(:subject AS text)", details="CAST(:details AS jsonb)",
)  # fmt: skip


@dataclass(frozen=True)
class Act:
    """One thing an operator did."""

    seq: int
    at: datetime
    actor: str
    act: str
    subject: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Head:
    """The newest act's number and hash: kept elsewhere, it can prove later that nothing was cut off."""

    seq: int
    hash: bytes


@dataclass(frozen=True)
class Broken:
    """The first act that is not what its hash says, and why."""

    seq: int
    why: str


def append(conn: Connection, *, actor: str, act: str, subject: str, details: Mapping[str, Any]) -> int:
    """Adds one act to the chain, in the caller's transaction, and returns its number.

    Acts are written one transaction after another: the lock is held until the caller commits.
    """
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('mailfleet audit'))"))
    seq: int = conn.execute(text(f"""
        WITH head AS (SELECT seq, hash FROM mailfleet.audit ORDER BY seq DESC LIMIT 1),
             next AS (SELECT coalesce((SELECT seq FROM head), 0) + 1 AS seq, clock_timestamp() AS at,
                             coalesce((SELECT hash FROM head), CAST(:start AS bytea)) AS previous)
        INSERT INTO mailfleet.audit (seq, at, actor, act, subject, details, previous, hash)
        SELECT seq, at, :actor, :act, :subject, CAST(:details AS jsonb), previous, {OF_A_NEW_ROW} FROM next
        RETURNING seq
    """), {
        "actor": actor, "act": act, "subject": subject, "start": START,
        "details": json.dumps(details, ensure_ascii=False, default=str),
    }).scalar_one()  # fmt: skip
    return seq


def head(conn: Connection) -> Head | None:
    """The newest act, None while there is none."""
    row = conn.execute(text("SELECT seq, hash FROM mailfleet.audit ORDER BY seq DESC LIMIT 1")).first()
    return Head(row.seq, bytes(row.hash)) if row else None


def verify(conn: Connection) -> Broken | None:
    """The first act whose number, predecessor or content is not what was written; None if the chain holds."""
    row = conn.execute(
        text(f"""
        WITH chain AS (
            SELECT seq, previous, hash, {OF_A_ROW} AS digest,
                   lag(seq, 1, 0::bigint) OVER w AS seq_before,
                   lag(hash, 1, CAST(:start AS bytea)) OVER w AS hash_before
              FROM mailfleet.audit WINDOW w AS (ORDER BY seq)
        )
        SELECT seq, CASE WHEN seq <> seq_before + 1 THEN 'acts before it are missing'
                         WHEN previous <> hash_before THEN 'the act before it was changed'
                         ELSE 'it was changed' END AS why
          FROM chain WHERE seq <> seq_before + 1 OR previous <> hash_before OR hash <> digest
         ORDER BY seq LIMIT 1
    """),
        {"start": START},
    ).first()
    return Broken(row.seq, row.why) if row else None


def holds(conn: Connection, kept: Head) -> bool:
    """Whether an act kept elsewhere still stands in the chain as it was."""
    found = conn.execute(
        text("SELECT hash FROM mailfleet.audit WHERE seq = :seq"), {"seq": kept.seq}
    ).scalar()
    return found is not None and bytes(found) == kept.hash


def acts(conn: Connection, *, subject: str | None, limit: int) -> Iterator[Act]:
    """The newest acts, newest first; of one subject where it is given."""
    rows = conn.execute(
        text("""
        SELECT seq, at, actor, act, subject, details FROM mailfleet.audit
         WHERE CAST(:subject AS text) IS NULL OR subject = :subject
         ORDER BY seq DESC LIMIT :limit
    """),
        {"subject": subject, "limit": limit},
    )
    return (Act(**row) for row in rows.mappings())
