"""Opens a wave: what is due gets its way out, or is held where a stop stands."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from db import clock, moves, routes_open, stops
from db.engine import Connection, Engine, transaction
from db.moves import Move
from db.routes_open import Waiting
from mailfleet.policy.lifecycle import Event, State
from mailfleet.policy.routing import Held, NoRoute, Route, by_scope, choose

AT_ONCE = 5000
TOO_LATE = "its time passed before a wave opened"


@dataclass(frozen=True)
class Opened:
    """What a wave has before it: messages by node and egress; and why others stay."""

    routed: dict[str, dict[str, int]]
    rerouted: int  # their first way out was down
    held: dict[str, int]
    expired: int
    without_route: int

    @property
    def nodes(self) -> dict[str, int]:
        """How many messages each node got."""
        return {node: sum(egresses.values()) for node, egresses in self.routed.items()}


@dataclass(frozen=True)
class _Sorted:
    """What one transaction decided: message → its route, and what moves."""

    routed: Mapping[int, Route]
    moves: tuple[Move, ...]
    without_route: int

    @property
    def free(self) -> dict[int, Route]:
        """Routes of the messages that may leave; a held one is given the route whose stop it waits for."""
        moved = {move.message_id for move in self.moves}
        return {message: route for message, route in self.routed.items() if message not in moved}


@dataclass
class _Tally:
    """Counts over all transactions of an opening: by egress, by reason."""

    routed: Counter[int] = field(default_factory=Counter)
    rerouted: Counter[int] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    expired: int = 0
    without_route: int = 0


def open_wave(engine: Engine) -> Opened:
    """Every message due by now has a route, is held with the reason, has expired, or its mailbox has no route."""
    tally = _Tally()
    with transaction(engine) as conn:
        _reroute(conn, clock.now(conn), tally)
    after: tuple[datetime, int] | None = None
    while True:
        with transaction(engine) as conn:
            now = clock.now(conn)
            waiting = routes_open.unrouted(conn, after=after, limit=AT_ONCE, now=now)
            _open(conn, waiting, now, tally)
        if len(waiting) < AT_ONCE:
            return _opened(engine, tally)
        after = waiting[-1].due_at, waiting[-1].message_id


def _open(conn: Connection, waiting: Sequence[Waiting], now: datetime, tally: _Tally) -> None:
    found = _sorted(conn, waiting, now)
    routes_open.assign(conn, found.routed)
    moves.move(conn, found.moves, source="house", now=now)
    tally.routed.update(route.egress_id for route in found.free.values())
    tally.held.update(str(move.reason) for move in found.moves if move.event is Event.HOLD)
    tally.expired += sum(move.event is Event.EXPIRE for move in found.moves)
    tally.without_route += found.without_route


def _sorted(conn: Connection, messages: Sequence[Waiting], now: datetime) -> _Sorted:
    standing = by_scope(stops.standing(conn, now))
    routes = routes_open.routes(conn, (one.mailbox_id for one in messages))
    routed: dict[int, Route] = {}
    moved: list[Move] = []
    without = 0
    for one in messages:
        if one.expires_at <= now:
            moved.append(Move(one.message_id, Event.EXPIRE, one.state, TOO_LATE))
            continue
        match choose(one.scopes, routes.get(one.mailbox_id, ()), standing, one.expires_at):
            case Route() as route:
                routed[one.message_id] = route
            case Held(reason, until, by):
                moved.append(Move(one.message_id, Event.HOLD, one.state, reason, hold_until=until))
                routed |= (
                    {one.message_id: by} if by else {}
                )  # the hold is then seen to end with that route's stop
            case NoRoute():
                without += 1
    return _Sorted(routed, tuple(moved), without)


def _reroute(conn: Connection, now: datetime, tally: _Tally) -> None:
    """What was never begun and waits for an egress that is down leaves by the next one, if that may be used."""
    down = routes_open.technically_down(conn, now=now)
    if not down:
        return
    waiting = [
        one
        for state in (State.PLANNED, State.HELD)
        for one in routes_open.stranded(conn, down, state=state, now=now)
    ]
    better = _sorted(conn, waiting, now).free
    held = [one for one in waiting if one.message_id in better and one.state is State.HELD]
    routes_open.assign(conn, better)
    moves.move(conn, [Move(one.message_id, Event.UNHOLD, one.state) for one in held], source="house", now=now)
    tally.rerouted.update(route.egress_id for route in better.values())


def _opened(engine: Engine, tally: _Tally) -> Opened:
    with transaction(engine) as conn:
        names = routes_open.names(conn)
    routed: dict[str, dict[str, int]] = defaultdict(dict)
    for (node, egress), count in sorted(
        (names[one], count) for one, count in (tally.routed + tally.rerouted).items()
    ):
        routed[node][egress] = count
    return Opened(dict(routed), tally.rerouted.total(), dict(tally.held), tally.expired, tally.without_route)
