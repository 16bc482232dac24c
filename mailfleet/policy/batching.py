"""When each due step leaves: a slot in the person's own working hours, within every cap, in fair turns.

The same dues give the same plan, in whatever order they come: jitter is the message's own number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailfleet.policy.allowance import Buckets, Cap, Key
from mailfleet.policy.desk import Desk, seconds
from mailfleet.policy.hours import opens

GAP = timedelta(seconds=45)  # a person does not write faster


@dataclass(frozen=True)
class Due:
    """A step that may be planned."""

    number: int  # the message's
    tenant_id: int
    campaign_id: int
    domain_id: int
    mailbox_id: int
    zone: str
    start: time
    end: time
    due_at: datetime
    ends_at: datetime  # of the campaign
    follow_up: bool

    @property
    def keys(self) -> tuple[Key, ...]:
        """The dimensions it takes one of."""
        return (
            ("campaign", self.campaign_id), ("domain", self.domain_id), ("mailbox", self.mailbox_id), ("tenant", self.tenant_id)
        )  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Message number → when it leaves, and → why it has to wait."""

    placed: Mapping[int, datetime]
    waiting: Mapping[int, str]


def place(
    dues: Iterable[Due], *, now: datetime, until: datetime | None, caps: Mapping[Key, Cap],
    used: Mapping[Key, Buckets], busy: Mapping[int, Sequence[datetime]], gap: timedelta = GAP,
) -> Plan:  # fmt: skip
    """Slots for as many as fit. `used` is what each dimension took and is already planned to take, by hour;
    `busy` the times at which a mailbox writes already. A dimension without a cap takes nothing: fail closed.
    """
    desk = Desk(caps, used, busy, gap)
    placed: dict[int, datetime] = {}
    waiting: dict[int, str] = {}
    for due in in_turn(dues):
        slot = _slot(due, now, until, desk)
        if isinstance(slot, str):
            waiting[due.number] = slot
        else:
            placed[due.number] = slot
    return Plan(placed, waiting)


def in_turn(dues: Iterable[Due]) -> list[Due]:
    """Follow-ups first; within them tenants in turn, and within a tenant its campaigns in turn."""
    ordered = sorted(dues, key=lambda due: (not due.follow_up, due.due_at, due.number))
    by_campaign = _ranked(ordered, lambda due: (due.follow_up, due.tenant_id, due.campaign_id))
    in_tenant = sorted(zip(by_campaign, ordered, strict=True), key=lambda one: (one[0], one[1].campaign_id))
    mixed = [due for _, due in in_tenant]
    by_tenant = _ranked(mixed, lambda due: (due.follow_up, due.tenant_id))
    turns = sorted(
        zip(by_tenant, mixed, strict=True), key=lambda one: (not one[1].follow_up, one[0], one[1].tenant_id)
    )
    return [due for _, due in turns]


def _ranked(dues: Iterable[Due], group: Callable[[Due], tuple[object, ...]]) -> list[int]:
    """The place of each one in its group."""
    seen: dict[tuple[object, ...], int] = defaultdict(int)
    ranks = []
    for due in dues:
        key = group(due)
        ranks.append(seen[key])
        seen[key] += 1
    return ranks


def _slot(due: Due, now: datetime, until: datetime | None, desk: Desk) -> datetime | str:
    opening = opens(max(now, due.due_at), due.zone, due.start, due.end)
    if opening >= due.ends_at:
        return "the campaign ends before"
    if until is not None and opening >= until:
        return "the window opens later"
    closing = _closing(opening, due)
    first, last = seconds(opening), seconds(min(filter(None, (closing, due.ends_at, until)))) - 1
    slot = (
        desk.take(due.number, due.mailbox_id, due.keys, first, last)
        if first <= last
        else "the window closes now"
    )
    return datetime.fromtimestamp(slot, UTC) if isinstance(slot, int) else slot


def _closing(opening: datetime, due: Due) -> datetime:
    zone = ZoneInfo(due.zone)
    return datetime.combine(opening.astimezone(zone).date(), due.end, zone).astimezone(UTC)


def working_days_later(moment: datetime, days: int, zone: str) -> datetime:
    """The start of the person's day that many working days after; the moment itself for none."""
    if days == 0:
        return moment
    local = ZoneInfo(zone)
    day = moment.astimezone(local).date()
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return datetime.combine(day, time(), local).astimezone(UTC)
