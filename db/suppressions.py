"""Who gets nothing more: by keyed hashes of person and address, or by domain; of one tenant, or of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

OF_THE_MESSAGE = 0  # a hash that a message carries: made with the key that was current when its lead was taken in


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
# Without a conflict target, so that a role needs no right to read what stands there.
_SUPPRESS = f"""
    INSERT INTO mailfleet.suppressions ({", ".join(_KINDS)}, since)
    SELECT w.*, :now FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _KINDS.items())}) AS w
    ON CONFLICT DO NOTHING
"""


def suppress(conn: Connection, new: Sequence[NewSuppression], *, now: datetime) -> int:
    """They get nothing more from the next statement on; how many rows are new. The same reason twice is one row.

    One that had run out does not run again: role control renews it with `renew`.
    """
    if not new:
        return 0
    columns: dict[str, object] = {name: [getattr(one, name) for one in new] for name in _KINDS}
    return int(conn.execute(text(_SUPPRESS), columns | {"now": now}).rowcount)
