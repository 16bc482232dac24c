"""Who gets nothing more: by keyed hashes of person and address, or by domain; of one tenant, or of all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, text

# A hash that a message carries: made with the key that was current when its lead was taken in. It becomes that key's
# number when the same person is suppressed under every kept key.
OF_THE_MESSAGE = 0


@dataclass(frozen=True)
class NewSuppression:
    """A person by hashes (kind address), or a whole domain."""

    tenant_id: int | None  # None: for every tenant
    reason: str
    evidence: str
    actor: str
    person_hash: bytes | None = None
    address_hash: bytes | None = None
    hash_key_id: int | None = None
    domain: str | None = None
    expires_at: datetime | None = None

    @property
    def kind(self) -> str:
        """`domain` or `address`."""
        return "domain" if self.domain is not None else "address"


@dataclass(frozen=True)
class Suppression:
    """One that stands."""

    suppression_id: int
    kind: str
    tenant: str | None
    domain: str | None
    reason: str
    since: datetime
    expires_at: datetime | None
    evidence: str
    actor: str


_KINDS = {
    "kind": "text", "tenant_id": "int", "person_hash": "bytea", "address_hash": "bytea", "hash_key_id": "smallint",
    "domain": "text", "reason": "text", "expires_at": "timestamptz", "evidence": "text", "actor": "text",
}  # fmt: skip
_INSERT = f"""
    INSERT INTO mailfleet.suppressions AS s ({", ".join(_KINDS)}, since)
    SELECT w.*, :now FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _KINDS.items())}) AS w
"""
# Without a conflict target, so that a role needs no right to read what stands there.
_SUPPRESS = f"{_INSERT} ON CONFLICT DO NOTHING"
# A row that has lapsed begins anew; one that stands ends later, never sooner.
_SUPPRESS_LONGER = f"""
    {_INSERT}
    ON CONFLICT (kind, tenant_id, person_hash, address_hash, domain, reason) DO UPDATE
       SET expires_at = excluded.expires_at, evidence = excluded.evidence, actor = excluded.actor,
           since = CASE WHEN s.expires_at <= :now THEN excluded.since ELSE s.since END,
           recorded_at = CASE WHEN s.expires_at <= :now THEN excluded.recorded_at ELSE s.recorded_at END
     WHERE s.expires_at < coalesce(excluded.expires_at, 'infinity')
"""


def suppress(conn: Connection, new: Sequence[NewSuppression], *, now: datetime) -> int:
    """They get nothing more from the next statement on; how many rows are new. The same reason twice is one row."""
    return _written(conn, _SUPPRESS, new, now)


def suppress_longer(conn: Connection, new: Sequence[NewSuppression], *, now: datetime) -> int:
    """The same for who may change what stands: of two ends the later is kept; how many rows are new or end later."""
    return _written(conn, _SUPPRESS_LONGER, new, now)


def _written(conn: Connection, statement: str, new: Sequence[NewSuppression], now: datetime) -> int:
    if not new:
        return 0
    rows = sorted(new, key=_order)
    columns: dict[str, object] = {name: [getattr(one, name) for one in rows] for name in _KINDS}
    return int(conn.execute(text(statement), columns | {"now": now}).rowcount)


def _order(new: NewSuppression) -> tuple[bytes, bytes, str, str]:
    """One order for everybody who writes several: two who write the same ones must not wait for each other."""
    return (new.person_hash or b"", new.address_hash or b"", new.domain or "", new.reason)


def forbidden(
    conn: Connection, *, tenant_id: int, hashes: Collection[bytes], domains: Collection[str], now: datetime
) -> dict[bytes | str, str]:
    """The reason for each of these hashes and domains that must not be written to, by this tenant or by any."""
    rows = conn.execute(text("""
        SELECT person_hash AS key, NULL AS domain, reason FROM mailfleet.suppressions
         WHERE person_hash = ANY(:hashes) AND (tenant_id IS NULL OR tenant_id = :tenant)
           AND (expires_at IS NULL OR expires_at > :now)
        UNION ALL
        SELECT address_hash, NULL, reason FROM mailfleet.suppressions
         WHERE address_hash = ANY(:hashes) AND (tenant_id IS NULL OR tenant_id = :tenant)
           AND (expires_at IS NULL OR expires_at > :now)
        UNION ALL
        SELECT NULL, domain, reason FROM mailfleet.suppressions
         WHERE domain = ANY(:domains) AND (tenant_id IS NULL OR tenant_id = :tenant)
           AND (expires_at IS NULL OR expires_at > :now)
    """), {"hashes": list(hashes), "domains": list(domains), "tenant": tenant_id, "now": now})  # fmt: skip
    return {row.domain if row.key is None else bytes(row.key): row.reason for row in rows}


_STANDING = """
    SELECT s.suppression_id, s.kind, t.slug AS tenant, s.domain, s.reason, s.since, s.expires_at, s.evidence, s.actor
      FROM mailfleet.suppressions s LEFT JOIN mailfleet.tenants t USING (tenant_id)
     WHERE (s.expires_at IS NULL OR s.expires_at > :now)
"""


def about(conn: Connection, *, hashes: Collection[bytes], domain: str, now: datetime) -> list[Suppression]:
    """Everything that stands against an address: by person, by address, by its domain."""
    rows = conn.execute(
        text(f"""
        {_STANDING} AND (s.person_hash = ANY(:hashes) OR s.address_hash = ANY(:hashes) OR s.domain = :domain)
         ORDER BY s.since, s.suppression_id
    """),
        {"hashes": list(hashes), "domain": domain, "now": now},
    )
    return [Suppression(**row) for row in rows.mappings()]


def listed(
    conn: Connection, *, tenant: str | None, reason: str | None, limit: int, now: datetime
) -> list[Suppression]:
    """The newest that stand; of one tenant, or for one reason, where that is given."""
    rows = conn.execute(
        text(f"""
        {_STANDING} AND (CAST(:tenant AS text) IS NULL OR t.slug = :tenant)
           AND (CAST(:reason AS text) IS NULL OR s.reason = :reason)
         ORDER BY s.since DESC, s.suppression_id DESC LIMIT :limit
    """),
        {"tenant": tenant, "reason": reason, "limit": limit, "now": now},
    )
    return [Suppression(**row) for row in rows.mappings()]


def remove(
    conn: Connection, *, hashes: Collection[bytes], domain: str | None, tenant_id: int | None
) -> list[str]:
    """Nothing of this scope stands against them any more; the reasons that did."""
    rows = conn.execute(text("""
        DELETE FROM mailfleet.suppressions
         WHERE (person_hash = ANY(:hashes) OR address_hash = ANY(:hashes) OR domain = CAST(:domain AS text))
           AND tenant_id IS NOT DISTINCT FROM CAST(:tenant AS int)
        RETURNING reason
    """), {"hashes": list(hashes), "domain": domain, "tenant": tenant_id})  # fmt: skip
    return sorted(set(rows.scalars()))


def clear_lapsed(conn: Connection, *, now: datetime) -> int:
    """Those that have run out are gone: they would stand in the way of the same reason's next one."""
    gone = text("DELETE FROM mailfleet.suppressions WHERE expires_at <= :now")
    return int(conn.execute(gone, {"now": now}).rowcount)


_LEADS = """
    FROM mailfleet.tenants t JOIN mailfleet.leads l ON l.tenant_id = t.tenant_id AND l.person_hash = {person}
"""


def addresses(conn: Connection, hashes: Collection[bytes]) -> dict[bytes, str]:
    """An address that each of these hashes of persons and addresses stands for, where a lead has it. Role control only."""
    rows = conn.execute(text(f"""
        SELECT l.person_hash AS hash, l.address {_LEADS.format(person="ANY(:hashes)")}
        UNION ALL
        SELECT address_hash, address FROM mailfleet.leads WHERE address_hash = ANY(:hashes)
    """), {"hashes": list(hashes)})  # fmt: skip
    return {bytes(row.hash): row.address for row in rows}


def of_messages(conn: Connection, *, limit: int, now: datetime) -> dict[int, NewSuppression]:
    """The newest that stand by a hash of a message of which a lead says whose it is. Role control only."""
    rows = conn.execute(text(f"""
        SELECT suppression_id, tenant_id, reason, evidence, actor, person_hash, address_hash, hash_key_id, expires_at
          FROM mailfleet.suppressions s
         WHERE hash_key_id = {OF_THE_MESSAGE} AND (expires_at IS NULL OR expires_at > :now)
           AND (EXISTS (SELECT {_LEADS.format(person="s.person_hash")})
                OR EXISTS (SELECT FROM mailfleet.leads l WHERE l.address_hash = s.address_hash))
         ORDER BY suppression_id DESC LIMIT :limit
    """), {"limit": limit, "now": now})  # fmt: skip
    return {row["suppression_id"]: _new(row) for row in rows.mappings()}


def _new(row: RowMapping) -> NewSuppression:
    hashes = {name: row[name] and bytes(row[name]) for name in ("person_hash", "address_hash")}
    return NewSuppression(**{name: row[name] for name in row if name != "suppression_id"} | hashes)


def name_key(conn: Connection, ids: Collection[int]) -> int:
    """These say which key their hashes were made with; how many did not before. Role control only."""
    return int(conn.execute(text(f"""
        UPDATE mailfleet.suppressions s SET hash_key_id = coalesce(
               (SELECT l.hash_key_id {_LEADS.format(person="s.person_hash")} LIMIT 1),
               (SELECT l.hash_key_id FROM mailfleet.leads l WHERE l.address_hash = s.address_hash LIMIT 1), hash_key_id)
         WHERE suppression_id = ANY(:ids)
    """), {"ids": list(ids)}).rowcount)  # fmt: skip
