"""Due messages that still need a way out, and those whose way out is down before they were ever tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Result, text

from mailfleet.policy.lifecycle import State
from mailfleet.policy.routing import Route

_COLUMNS = "m.message_id, m.state, m.due_at, m.expires_at, m.tenant_id, m.campaign_id, m.mailbox_id, m.domain_id, m.import_id"


@dataclass(frozen=True)
class Waiting:
    """A message that looks for its route."""

    message_id: int
    state: State
    due_at: datetime
    expires_at: datetime
    mailbox_id: int
    scopes: Mapping[str, int | None]


def unrouted(
    conn: Connection, *, after: tuple[datetime, int] | None, limit: int, now: datetime
) -> list[Waiting]:
    """Messages due by now without a route, locked, oldest first, behind the one named."""
    return _waiting(conn.execute(text(f"""
        SELECT {_COLUMNS} FROM mailfleet.messages m
         WHERE m.node_id IS NULL AND m.state = 'planned' AND m.due_at <= :now
           AND (CAST(:due AS timestamptz) IS NULL OR (m.due_at, m.message_id) > (:due, :message))
         ORDER BY m.due_at, m.message_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """), {"now": now, "limit": limit, "due": after[0] if after else None, "message": after[1] if after else None}))  # fmt: skip


def stranded(conn: Connection, down: Collection[int], *, state: State, now: datetime) -> list[Waiting]:
    """Messages in this state that were never begun and are routed by these egresses; locked."""
    return _waiting(conn.execute(text(f"""
        SELECT {_COLUMNS} FROM mailfleet.messages m
         WHERE m.state = '{state.value}' AND m.attempt = 0 AND m.egress_id = ANY (:egresses)
           AND m.node_id IN (SELECT node_id FROM mailfleet.egresses WHERE egress_id = ANY (:egresses))
           AND m.due_at <= :now AND m.expires_at > :now
         ORDER BY m.due_at, m.message_id FOR UPDATE SKIP LOCKED
    """), {"now": now, "egresses": list(down)}))  # fmt: skip


def technically_down(conn: Connection, *, now: datetime) -> list[int]:
    """Egresses that are stopped for technical reasons, or whose node is."""
    rows = conn.execute(text("""
        SELECT egress_id FROM mailfleet.egresses e WHERE EXISTS (
            SELECT FROM mailfleet.stops s
             WHERE s.cause = 'technical' AND s.ended_at IS NULL AND (s.until IS NULL OR s.until > :now)
               AND (s.scope, s.scope_id) IN (('egress', e.egress_id), ('node', e.node_id)))
    """), {"now": now})  # fmt: skip
    return [int(egress) for egress in rows.scalars()]


def _waiting(rows: Result[tuple[object, ...]]) -> list[Waiting]:
    scopes = ("tenant", "campaign", "mailbox", "domain", "import")
    return [
        Waiting(
            row["message_id"], State(row["state"]), row["due_at"], row["expires_at"], row["mailbox_id"],
            {scope: row[f"{scope}_id"] for scope in scopes},
        )
        for row in rows.mappings()
    ]  # fmt: skip


def routes(conn: Connection, mailboxes: Iterable[int]) -> dict[int, list[Route]]:
    """The routes of each mailbox, the first first."""
    found: dict[int, list[Route]] = defaultdict(list)
    for row in conn.execute(text("""
        SELECT r.mailbox_id, r.position, r.egress_owner, r.egress_id, e.node_id
          FROM mailfleet.routes r JOIN mailfleet.egresses e ON e.owner_id = r.egress_owner AND e.egress_id = r.egress_id
         WHERE r.mailbox_id = ANY (:mailboxes) ORDER BY r.mailbox_id, r.position
    """), {"mailboxes": sorted(set(mailboxes))}):  # fmt: skip
        found[row.mailbox_id].append(Route(row.position, row.egress_owner, row.egress_id, row.node_id))
    return dict(found)


def assign(conn: Connection, chosen: Mapping[int, Route]) -> None:
    """These messages, locked and not begun, leave by these routes."""
    conn.execute(text("""
        UPDATE mailfleet.messages AS m SET node_id = w.node_id, egress_owner = w.owner, egress_id = w.egress_id
          FROM unnest(CAST(:ids AS bigint[]), CAST(:nodes AS int[]), CAST(:owners AS int[]), CAST(:egresses AS int[]))
                 AS w (message_id, node_id, owner, egress_id)
         WHERE m.message_id = w.message_id AND m.state IN ('planned', 'held')
    """), {
        "ids": list(chosen), "nodes": [route.node_id for route in chosen.values()],
        "owners": [route.egress_owner for route in chosen.values()], "egresses": [route.egress_id for route in chosen.values()],
    })  # fmt: skip


def names(conn: Connection) -> dict[int, tuple[str, str]]:
    """Node and name of each egress."""
    rows = conn.execute(text("""
        SELECT e.egress_id, n.name AS node, e.name AS egress FROM mailfleet.egresses e JOIN mailfleet.nodes n USING (node_id)
    """))  # fmt: skip
    return {row.egress_id: (row.node, row.egress) for row in rows}
