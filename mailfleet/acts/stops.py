"""An operator stops something, and lets it go again; in the caller's transaction and the audit."""

from __future__ import annotations

from datetime import datetime

from db import audit, clock, stops
from db.engine import Connection
from db.stops import NewStop
from mailfleet.acts.refused import Refused

SCOPES = ("tenant", "campaign", "mailbox", "domain", "egress", "node", "import")
LISTS = {
    "tenant": "tenant list", "campaign": "campaign status", "mailbox": "mailbox list", "domain": "tenant dns TENANT",
    "egress": "status", "node": "status", "import": "stops",
}  # fmt: skip


def stop(
    conn: Connection, scope: str, name: str, *, reason: str, actor: str, until: datetime | None = None
) -> bool:
    """Nothing of it begins any more, and what is in a node's queue is pulled; False where an operator held it already
    for this reason and for at least as long. A second stop never ends it sooner.

    A campaign is named `tenant/slug`, a lead file `tenant/file#number`, the number being its `import_id`. Raises
    Refused for a name that is not there, and for an end that is over.
    """
    (scope_id, tenant_id), now = _known(conn, scope, name), clock.now(conn)
    if until is not None and until <= now:
        raise Refused(f"its end is not in the future: it is {now:%Y-%m-%d %H:%M} UTC")
    new = NewStop(scope, scope_id, tenant_id, "operator", reason, actor, until)
    held = stops.stop_longer(conn, new, now=now)
    if held:
        details = {"reason": reason, "until": held.until}
        audit.append(conn, actor=actor, act="stopped", subject=f"{scope} {name}", details=details)
    return held is not None


def unstop(conn: Connection, scope: str, name: str, *, actor: str) -> list[str]:
    """Nothing holds it any more, whoever did; the causes that held it. Breakers count anew from here."""
    scope_id, _ = _known(conn, scope, name)
    causes = stops.unstop(conn, scope=scope, scope_id=scope_id, actor=actor, now=clock.now(conn))
    if causes:
        audit.append(conn, actor=actor, act="let go", subject=f"{scope} {name}", details={"held by": causes})
    return causes


def _known(conn: Connection, scope: str, name: str) -> tuple[int, int | None]:
    if scope not in SCOPES:
        raise Refused(f"{scope} cannot be stopped: choose one of {', '.join(SCOPES)}")
    found = stops.find(conn, scope, name)
    if found is None:
        raise Refused(f"there is no {scope} {name}: `mailfleet {LISTS[scope]}` shows those there are")
    return found
