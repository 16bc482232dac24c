"""When bounces and complaints slow, pause or stop something by themselves (laws 7 and 8).

Limits for bounces are exceeded, not reached: exactly 5 % goes on. Those for complaints are reached: the large receivers call
0.3 % too much already. Few verdicts prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LAST, WITHIN = 200, timedelta(hours=24)  # the window: whichever holds fewer messages
FLOOR, FLOOR_HARD = 60, 5
BOUNCE_SCOPES = ("campaign", "mailbox", "domain", "import")
RATE_SCOPES = ("campaign", "domain", "tenant")
ENOUGH_DELIVERED = 1000  # below it a rate is noise, and complaints are counted
REPORTING = ("outlook", "yahoo")  # receivers that report complaints one by one: JMRP and the Yahoo CFL
CAPACITY_PERCENT = 20  # of a tenant's capacity may be rested without a person in 24 hours (law 7)
CAPACITY_SCOPES = ("mailbox", "domain")


class Action(StrEnum):
    """What is done, mildest first."""

    WARN = "warn"
    SLOW = "slow"  # its caps are halved
    PAUSE = "pause"
    REST = "rest"
    STOP = "stop"

    @property
    def holds(self) -> bool:
        """Whether nothing leaves meanwhile."""
        return self in (Action.PAUSE, Action.REST, Action.STOP)


BOUNCES = "bounce rate"
COMPLAINT_RATE = "complaint rate"
COMPLAINTS = "complaints"

_BOUNCE_LADDER = ((5, Action.PAUSE), (3, Action.SLOW), (2, Action.WARN))  # per cent
_COMPLAINT_LADDER = ((3, Action.STOP), (1, Action.WARN))  # per thousand
MAILBOX_COMPLAINTS, CAMPAIGN_COMPLAINTS = 2, 3  # in 30 days rest the mailbox; in 24 hours stop the campaign

# Every action expires. What stands on a bad list does not get better by itself: a person has a week to look.
_LASTS = {
    Action.WARN: timedelta(hours=24),
    Action.SLOW: timedelta(hours=24),
    Action.PAUSE: timedelta(days=3),
    Action.REST: timedelta(days=7),
    Action.STOP: timedelta(days=7),
}
_LISTS_LAST = timedelta(days=7)


@dataclass(frozen=True)
class Window:
    """Messages with any final verdict, and those of them with a hard one."""

    final: int
    hard: int


@dataclass(frozen=True)
class Complaints:
    """Delivered to and complained at receivers that report, in 7 days; all complaints of a day and of 30 days."""

    delivered: int
    reported: int
    day: int
    month: int


@dataclass(frozen=True)
class Capacity:
    """A tenant's messages a day, those of them rested without a person in the last 24 hours, and this scope's."""

    whole: int
    rested: int
    wanted: int


def bounce_action(window: Window) -> Action | None:
    """How far a window of final verdicts is slowed, or None while it may go on."""
    if window.final < FLOOR or window.hard < FLOOR_HARD:
        return None
    return next(
        (action for limit, action in _BOUNCE_LADDER if window.hard * 100 > window.final * limit), None
    )


def complaint_rate_action(seen: Complaints) -> Action | None:
    """The same for complaints, where enough was delivered to make a rate of them."""
    if seen.delivered < ENOUGH_DELIVERED:
        return None
    return next(
        (action for limit, action in _COMPLAINT_LADDER if seen.reported * 1000 >= seen.delivered * limit),
        None,
    )


def complaint_count_action(scope: str, seen: Complaints) -> Action | None:
    """Where too little was delivered for a rate: two in 30 days rest a mailbox, three in a day stop a campaign."""
    if scope == "mailbox" and seen.month >= MAILBOX_COMPLAINTS:
        return Action.REST
    if scope == "campaign" and seen.delivered < ENOUGH_DELIVERED and seen.day >= CAMPAIGN_COMPLAINTS:
        return Action.STOP
    return None


def until(action: Action, scope: str, now: datetime) -> datetime:
    """When the action ends by itself."""
    longer = action is Action.PAUSE and scope in ("campaign", "import")
    return now + (_LISTS_LAST if longer else _LASTS[action])


def may_rest(capacity: Capacity) -> bool:
    """Whether resting this as well leaves enough of the tenant's capacity; exactly 20 % does."""
    return (capacity.rested + capacity.wanted) * 100 <= capacity.whole * CAPACITY_PERCENT
