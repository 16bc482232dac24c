"""Imports: lead files as they were taken in, their refused rows, and the way of the others into leads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, cast

from psycopg import Cursor
from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Direction:
    """One line of outreach, by the two names a file may use."""

    direction_id: int
    slug: str
    name: str


@dataclass(frozen=True)
class File:
    """What is kept of a file itself."""

    name: str
    sha256: bytes
    encoding: str
    delimiter: str


class Staged(NamedTuple):
    """A row that may become a lead, unless the file or the ledger knows the person already."""

    line: int
    direction_id: int
    person_hash: bytes
    address_hash: bytes
    older_hashes: Sequence[bytes]  # of the person, under older keys that are kept
    address: str
    domain: str
    receiver: str
    flags: list[str]
    given_name: str
    family_name: str
    company: str
    country: str
    language: str
    time_zone: str
    basis: str
    basis_source: str
    basis_at: date


@dataclass(frozen=True)
class RefusedRow:
    """All that is kept of a row that is no lead."""

    line: int
    reason: str
    address_hash: bytes | None


@dataclass(frozen=True)
class Suppressed:
    """Which of the hashes and domains asked about are suppressed."""

    hashes: frozenset[bytes]
    domains: frozenset[str]


@dataclass(frozen=True)
class Settled:
    """How the staged rows ended."""

    new: int
    known: int
    duplicate: int
    flagged: dict[str, int]


def directions(conn: Connection, tenant_id: int) -> list[Direction]:
    """A tenant's directions, by slug."""
    rows = conn.execute(text("""
        SELECT direction_id, slug, name FROM mailfleet.directions WHERE tenant_id = :tenant ORDER BY slug
    """), {"tenant": tenant_id})  # fmt: skip
    return [Direction(*row) for row in rows]


def begin(
    conn: Connection, *, tenant_id: int, direction_id: int | None, file: File, actor: str, now: datetime
) -> int:
    """A new import with empty books, and the temporary table that `stage` fills."""
    conn.execute(text("""
        CREATE TEMPORARY TABLE staged (
            line int, direction_id int, person_hash bytea, address_hash bytea, older_hashes bytea[], address text,
            domain text, receiver text, flags text[], given_name text, family_name text, company text, country text,
            language text, time_zone text, basis text, basis_source text, basis_at date
        ) ON COMMIT DROP
    """))  # fmt: skip
    import_id: int = conn.execute(text("""
        INSERT INTO mailfleet.imports (tenant_id, direction_id, file_name, file_sha256, encoding, delimiter,
                                       rows, accepted, known, refused, actor, taken_at)
        VALUES (:tenant_id, :direction_id, :name, :sha256, :encoding, :delimiter, 0, 0, 0, 0, :actor, :now)
        RETURNING import_id
    """), {"tenant_id": tenant_id, "direction_id": direction_id, "actor": actor, "now": now,
           **vars(file)}).scalar_one()  # fmt: skip
    return import_id


def suppressed(
    conn: Connection, *, tenant_id: int, hashes: Collection[bytes], domains: Collection[str], now: datetime
) -> Suppressed:
    """Which of these persons and addresses (under every kept key) and domains must not be written to."""
    found = conn.execute(text("""
        WITH mine AS (SELECT person_hash, address_hash, domain FROM mailfleet.suppressions
                       WHERE (tenant_id IS NULL OR tenant_id = :tenant) AND (expires_at IS NULL OR expires_at > :now)),
             asked AS (SELECT DISTINCT unnest(CAST(:hashes AS bytea[])) AS hash)
        SELECT hash, NULL AS domain FROM asked JOIN mine ON mine.person_hash = hash
        UNION SELECT hash, NULL FROM asked JOIN mine ON mine.address_hash = hash
        UNION SELECT NULL, domain FROM mine WHERE domain = ANY (CAST(:domains AS text[]))
    """), {"tenant": tenant_id, "hashes": list(hashes), "domains": list(domains), "now": now}).all()  # fmt: skip
    return Suppressed(
        frozenset(bytes(row.hash) for row in found if row.hash is not None),
        frozenset(row.domain for row in found if row.domain is not None),
    )


def stage(conn: Connection, rows: Iterable[Staged]) -> None:
    """Puts rows into the temporary table (COPY into a table with row-level security is refused)."""
    cursor = cast(Cursor[Any], conn.connection.cursor())
    with cursor, cursor.copy("COPY staged FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def refuse(conn: Connection, *, tenant_id: int, import_id: int, rows: Sequence[RefusedRow]) -> None:
    """Keeps line, reason and hash of refused rows."""
    conn.execute(text("""
        INSERT INTO mailfleet.refused_rows (tenant_id, import_id, line, reason, address_hash)
        SELECT :tenant, :import, * FROM unnest(CAST(:lines AS int[]), CAST(:reasons AS text[]), CAST(:hashes AS bytea[]))
    """), {
        "tenant": tenant_id, "import": import_id, "lines": [row.line for row in rows],
        "reasons": [row.reason for row in rows], "hashes": [row.address_hash for row in rows],
    })  # fmt: skip


def settle(conn: Connection, *, tenant_id: int, import_id: int, hash_key_id: int, now: datetime) -> Settled:
    """Staged rows become leads: a person twice in the file is refused once, one the ledger knows stays as it is."""
    keys = {"tenant": tenant_id, "import": import_id, "key": hash_key_id, "now": now}
    conn.execute(text("ANALYZE staged"))
    duplicate = conn.execute(text("""
        WITH nth AS (SELECT line, address_hash, row_number() OVER (PARTITION BY person_hash ORDER BY line) AS nth FROM staged)
        INSERT INTO mailfleet.refused_rows (tenant_id, import_id, line, reason, address_hash)
        SELECT :tenant, :import, line, 'duplicate', address_hash FROM nth WHERE nth > 1
    """), keys).rowcount  # fmt: skip
    conn.execute(text("""
        DELETE FROM staged s USING mailfleet.refused_rows r
         WHERE r.tenant_id = :tenant AND r.import_id = :import AND r.reason = 'duplicate' AND r.line = s.line
    """), keys)  # fmt: skip
    new = conn.execute(text("""
        INSERT INTO mailfleet.leads (tenant_id, import_id, hash_key_id, taken_at, direction_id, person_hash, address_hash,
                                     address, domain, receiver, flags, given_name, family_name, company, country,
                                     language, time_zone, basis, basis_source, basis_at)
        SELECT :tenant, :import, :key, :now, direction_id, person_hash, address_hash, address,
               domain, receiver, flags, given_name, family_name, company, country, language, time_zone,
               basis, basis_source, basis_at
          FROM staged s
         WHERE s.older_hashes = '{}'
            OR NOT EXISTS (SELECT FROM mailfleet.leads l WHERE l.tenant_id = :tenant AND l.person_hash = ANY (s.older_hashes))
         ORDER BY person_hash   -- one order for all imports: two of them wait for each other, they do not deadlock
        ON CONFLICT DO NOTHING
    """), keys).rowcount  # fmt: skip
    accepted = int(conn.execute(text("SELECT count(*) FROM staged")).scalar_one())
    flagged = conn.execute(
        text("SELECT flag, count(*)::int FROM staged, unnest(flags) AS flag GROUP BY 1 ORDER BY 1")
    )
    return Settled(new, accepted - new, duplicate, {str(flag): int(count) for flag, count in flagged})


def close(conn: Connection, *, tenant_id: int, import_id: int, rows: int, accepted: int, known: int) -> None:
    """The import's books; the database refuses what does not balance."""
    conn.execute(text("""
        UPDATE mailfleet.imports SET rows = :rows, accepted = :accepted, known = :known,
               refused = (SELECT count(*) FROM mailfleet.refused_rows r WHERE r.tenant_id = :tenant AND r.import_id = :import)
         WHERE tenant_id = :tenant AND import_id = :import
    """), {"tenant": tenant_id, "import": import_id, "rows": rows, "accepted": accepted, "known": known})  # fmt: skip


def refusals(conn: Connection, *, tenant_id: int, import_id: int) -> dict[str, int]:
    """Refused rows of one import by reason."""
    return {str(reason): int(count) for reason, count in conn.execute(text("""
        SELECT reason, count(*)::int FROM mailfleet.refused_rows
         WHERE tenant_id = :tenant AND import_id = :import GROUP BY 1 ORDER BY 1
    """), {"tenant": tenant_id, "import": import_id})}  # fmt: skip
