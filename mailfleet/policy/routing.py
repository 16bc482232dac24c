"""By which egress a message leaves: the first of its mailbox's routes, unless only technique is in the way.

A stop for reputation, or an operator's, is never walked around (laws 6 and 11): the message is held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailfleet.policy.gate import Stop

TECHNICAL = "technical"

Standing = Mapping[tuple[str, int | None], Sequence[Stop]]


@dataclass(frozen=True)
class Route:
    """A way out, with its place among the mailbox's."""

    position: int
    egress_owner: int
    egress_id: int
    node_id: int


@dataclass(frozen=True)
class Held:
    """It waits, visibly; `by` is the route whose stop it waits for, None where the stop is not about a route."""

    reason: str
    until: datetime
    by: Route | None = None


@dataclass(frozen=True)
class NoRoute:
    """The mailbox has no way out: a person must give it one."""


def by_scope(stops: Iterable[Stop]) -> Standing:
    """The stops of each scope, for many questions."""
    found: dict[tuple[str, int | None], list[Stop]] = defaultdict(list)
    for stop in stops:
        found[stop[0], stop[1]].append(stop)
    return found


def choose(
    scopes: Mapping[str, int | None], routes: Sequence[Route], standing: Standing, expires_at: datetime
) -> Route | Held | NoRoute:
    """The route of a message that belongs to these scopes; routes by position."""
    if ours := [stop for scope in scopes.items() for stop in standing.get(scope, ())]:
        return _held(ours, expires_at)
    down: list[tuple[Route, list[Stop]]] = []
    for route in routes:
        stops = [*standing.get(("egress", route.egress_id), ()), *standing.get(("node", route.node_id), ())]
        if not stops:
            return route
        if any(cause != TECHNICAL for _, _, cause, _, _ in stops):
            return _held(stops, expires_at, route)
        down.append((route, stops))
    return _held(down[0][1], expires_at, down[0][0]) if down else NoRoute()


def _held(stops: Sequence[Stop], expires_at: datetime, by: Route | None = None) -> Held:
    """The stop that lasts longest decides; one without an end lasts as long as the message."""
    until, scope, reason = max((until or expires_at, scope, reason) for scope, _, _, reason, until in stops)
    return Held(f"{scope} stopped: {reason}", min(until, expires_at), by)
