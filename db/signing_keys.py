"""The sealed keys that letters are signed with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class SealedKey:
    """A domain's DKIM key as it is stored, with the wrapped data key that opens it."""

    domain_id: int
    tenant: str
    domain: str
    selector: str
    dkim_key: bytes = field(repr=False)
    data_key_id: int
    data_key: bytes = field(repr=False)


def of_domains(conn: Connection, domain_ids: Collection[int]) -> list[SealedKey]:
    """The keys of these domains."""
    rows = conn.execute(text("""
        SELECT d.domain_id, t.slug, d.name, d.dkim_selector, d.dkim_key, t.data_key_id, t.data_key
          FROM mailfleet.domains d JOIN mailfleet.tenants t USING (tenant_id) WHERE d.domain_id = ANY(:ids)
    """), {"ids": list(domain_ids)})  # fmt: skip
    return [
        SealedKey(
            row.domain_id,
            row.slug,
            row.name,
            row.dkim_selector,
            bytes(row.dkim_key),
            row.data_key_id,
            bytes(row.data_key),
        )
        for row in rows
    ]
