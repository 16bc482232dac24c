"""Bounces and complaints slow, pause and stop by themselves, in the transaction that stores them (law 8).

A decision is an incident, a stop where it holds something, and an alert; once for as long as it is open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db import capacity, incidents, outbox, stops, verdicts
from db.engine import Connection
from db.incidents import NewIncident
from db.stops import NewStop
from mailfleet.policy import breaker
from mailfleet.policy.breaker import Action, Complaints, Window

ACTOR = "breaker"


@dataclass(frozen=True, order=True)
class Scope:
    """What a breaker watches; `tenant_id` is whose it is."""

    tenant_id: int
    kind: str
    scope_id: int


@dataclass(frozen=True)
class Decision:
    """What a rule asks for, and what it saw."""

    scope: Scope
    action: Action
    cause: str
    evidence: Mapping[str, Any]


def watch_bounces(conn: Connection, scopes: Iterable[Scope], *, now: datetime) -> None:
    """Every scope whose window exceeds a limit is slowed or paused from the next chunk on."""
    by_kind: dict[str, dict[int, Scope]] = defaultdict(dict)
    for scope in scopes:
        by_kind[scope.kind][scope.scope_id] = scope
    decisions = [
        Decision(watched[scope_id], action, breaker.BOUNCES, _bounces(window))
        for kind, watched in sorted(by_kind.items())
        for scope_id, window in _windows(conn, kind, watched, now).items()
        if (action := breaker.bounce_action(window))
    ]
    for decision in sorted(decisions, key=lambda one: one.scope):
        _decide(conn, decision, now)


def watch_complaints(conn: Connection, scopes: Iterable[Scope], *, now: datetime) -> None:
    """Every scope with too many complaints is warned of, rested or stopped."""
    for scope in sorted(scopes):
        seen = verdicts.complaints(conn, (scope.kind, scope.scope_id), now=now, reporting=breaker.REPORTING)
        if scope.kind in breaker.RATE_SCOPES and (action := breaker.complaint_rate_action(seen)):
            _decide(conn, Decision(scope, action, breaker.COMPLAINT_RATE, _rate(seen)), now)
        if action := breaker.complaint_count_action(scope.kind, seen):
            _decide(
                conn,
                Decision(scope, action, breaker.COMPLAINTS, {"24 hours": seen.day, "30 days": seen.month}),
                now,
            )


def _windows(
    conn: Connection, kind: str, watched: Mapping[int, Scope], now: datetime
) -> Mapping[int, Window]:
    return verdicts.windows(conn, kind, sorted(watched), now=now, last=breaker.LAST, since=breaker.WITHIN)


def _bounces(window: Window) -> dict[str, Any]:
    return {"hard": window.hard, "final": window.final, "percent": round(100 * window.hard / window.final, 2)}


def _rate(seen: Complaints) -> dict[str, Any]:
    return {
        "complaints": seen.reported, "delivered": seen.delivered, "days": 7,
        "percent": round(100 * seen.reported / seen.delivered, 3),
    }  # fmt: skip


def _decide(conn: Connection, decision: Decision, now: datetime) -> None:
    """Does it, unless it would rest too much of the tenant: then it is slowed and a person is called (law 7)."""
    kind = decision.scope.kind
    if not decision.action.holds or kind not in breaker.CAPACITY_SCOPES:
        _act(conn, decision, now)
        return
    capacity.one_at_a_time(conn, decision.scope.tenant_id)
    seen = capacity.capacity(conn, decision.scope.tenant_id, kind, decision.scope.scope_id)
    if breaker.may_rest(seen):
        _act(conn, decision, now)
        return
    evidence = {**decision.evidence, "asked for": decision.action.value, "capacity": vars(seen)}
    _act(conn, Decision(decision.scope, Action.SLOW, decision.cause, evidence), now, calls=True)


def _act(conn: Connection, decision: Decision, now: datetime, *, calls: bool = False) -> None:
    scope, action = decision.scope, decision.action
    until = breaker.until(action, scope.kind, now)
    incident = incidents.open_incident(conn, NewIncident(
        scope.tenant_id, scope.kind, scope.scope_id, action, decision.cause, decision.evidence, until, _ends_when(action),
    ), now=now)  # fmt: skip
    if incident is None:
        return
    if action.holds:
        reason = (
            f"{decision.cause}: {', '.join(f'{name} {value}' for name, value in decision.evidence.items())}"
        )
        stops.stop(conn, NewStop(
            scope.kind, scope.scope_id, scope.tenant_id, "breaker", reason, ACTOR, until, incident,
        ), now=now)  # fmt: skip
    _alert(conn, decision, incident, until, calls)


def _ends_when(action: Action) -> str:
    return "an operator lets it go, or its time is over" if action.holds else "its time is over"


def _alert(conn: Connection, decision: Decision, incident: int, until: datetime, calls: bool) -> None:
    scope = decision.scope
    payload = {
        "incident": incident, "scope": scope.kind, "scope_id": scope.scope_id, "action": decision.action.value,
        "cause": decision.cause, "evidence": decision.evidence, "until": until.isoformat(),
    }  # fmt: skip
    resource = f"mailfleet.{scope.kind}.{scope.scope_id}"
    alerts = [(f"mailfleet.incident.{decision.action}", resource)]
    if calls:
        alerts.append(("mailfleet.capacity", f"mailfleet.tenant.{scope.tenant_id}"))
    for event, about in alerts:
        outbox.put(conn, tenant_id=scope.tenant_id, event=event, resource=about, payload=payload)
