"""The last question before a message leaves: may it, may it now, and if not, why (law 4). Fails closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from mailfleet.policy.hours import opens
from mailfleet.policy.retry import MAX_TRIES

SPREAD = timedelta(minutes=30)  # what waits for a window does not all leave in its first minute
HARMLESS_ENDS = (None, "finished")  # a finished enrolment's last message may come back to be tried again

Stop = tuple[str, int, str, str, datetime | None]  # scope, id, cause, reason, until


@dataclass(frozen=True)
class Window:
    """When this person may be written to: times of their own day."""

    zone: str
    start: time
    end: time


@dataclass(frozen=True)
class Facts:
    """What is known of a message at the gate, read under its lock."""

    message_id: int
    attempt: int  # tries so far
    expires_at: datetime
    scopes: Mapping[str, int | None]  # scope of a stop → its id
    basis: str | None  # None: the lead is gone
    suppressed: str | None  # the reason of a suppression that matches
    enrolled: bool  # the enrolment is there, and is this tenant's
    ended: str | None  # how the enrolment ended
    window: Window | None  # None: at any time


@dataclass(frozen=True)
class Go:
    """It may leave now, as far as the gate knows; allowances are asked next."""


@dataclass(frozen=True)
class Drop:
    """Never."""

    reason: str


@dataclass(frozen=True)
class Hold:
    """Not while a stop lasts; visible until then."""

    reason: str
    until: datetime


@dataclass(frozen=True)
class Later:
    """Not before `due_at`."""

    due_at: datetime
    reason: str


@dataclass(frozen=True)
class Expire:
    """Its time passed."""

    reason: str


Judgement = Go | Drop | Hold | Later | Expire


def judge(facts: Facts, stops: Iterable[Stop], now: datetime) -> Judgement:
    """The first rule that speaks: never comes before too late, too late before not while, that before not yet."""
    return _never(facts) or _too_late(facts, now) or _stopped(facts, stops) or _not_yet(facts, now) or Go()


def _never(facts: Facts) -> Drop | None:
    if facts.suppressed is not None:
        return Drop(f"suppressed: {facts.suppressed}")
    if not facts.enrolled:
        return Drop("no enrolment")
    if facts.ended not in HARMLESS_ENDS:
        return Drop(str(facts.ended))
    if not facts.basis:
        return Drop("no legal basis")
    return None


def _too_late(facts: Facts, now: datetime) -> Expire | None:
    if facts.expires_at <= now:
        return Expire("its time passed")
    if facts.attempt >= MAX_TRIES:
        return Expire(f"not accepted in {MAX_TRIES} tries")
    return None


def _stopped(facts: Facts, stops: Iterable[Stop]) -> Hold | None:
    """The stop that lasts longest decides how long the hold does; one without an end lasts as long as the message."""
    ours = [(until or facts.expires_at, scope, reason) for scope, scope_id, _, reason, until in stops
            if facts.scopes.get(scope) == scope_id]  # fmt: skip
    if not ours:
        return None
    until, scope, reason = max(ours)
    return Hold(f"{scope} stopped: {reason}", min(until, facts.expires_at))


def _not_yet(facts: Facts, now: datetime) -> Later | None:
    if facts.window is None:
        return None
    opening = opens(now, facts.window.zone, facts.window.start, facts.window.end)
    if opening == now:
        return None
    return Later(opening + spread(facts.message_id, SPREAD), "outside the person's business hours")


def spread(message_id: int, over: timedelta) -> timedelta:
    """A part of `over` that is the message's own: jitter without dice."""
    return over * (message_id % 997) / 997
