"""What was done to the installation itself stands in the audit: its revisions and its deployments."""

from __future__ import annotations

from collections.abc import Sequence

from db import audit
from db.engine import Connection, Engine, transaction


def migrated(conn: Connection, before: str | None, after: str | None, *, actor: str) -> None:
    """The ledger was brought from one revision to another, or found to be the newest, in the caller's transaction."""
    audit.append(
        conn, actor=actor, act="migrated", subject="ledger", details={"before": before, "after": after}
    )


def deployed(engine: Engine, changes: Sequence[str], *, actor: str) -> None:
    """Prefect's server was made to look like the files; each change as the command says it."""
    with transaction(engine) as conn:
        details = {"changes": list(changes)}
        audit.append(conn, actor=actor, act="deployed", subject="prefect", details=details)
