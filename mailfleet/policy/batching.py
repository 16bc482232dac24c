"""When each due step leaves: a slot in the person's own working hours, within every cap, in fair turns.

The same dues give the same plan, in whatever order they come: jitter is the message's own number.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailfleet.policy.allowance import DAY, Buckets, Cap, Key
from mailfleet.policy.hours import opens

GAP = timedelta(seconds=45)  # a person does not write faster
HOUR_SECONDS = 3600
_GRAINS = 9973


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
    desk = _Desk(caps, used, busy, gap)
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
    turns = sorted(zip(by_tenant, mixed, strict=True), key=lambda one: (not one[1].follow_up, one[0], one[1].tenant_id))
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


def _slot(due: Due, now: datetime, until: datetime | None, desk: _Desk) -> datetime | str:
    opening = opens(max(now, due.due_at), due.zone, due.start, due.end)
    if opening >= due.ends_at:
        return "the campaign ends before"
    if until is not None and opening >= until:
        return "the window opens later"
    closing = _closing(opening, due)
    first, last = _seconds(opening), _seconds(min(filter(None, (closing, due.ends_at, until)))) - 1
    slot = desk.take(due, first, last) if first <= last else "the window closes now"
    return datetime.fromtimestamp(slot, UTC) if isinstance(slot, int) else slot


def _closing(opening: datetime, due: Due) -> datetime:
    zone = ZoneInfo(due.zone)
    return datetime.combine(opening.astimezone(zone).date(), due.end, zone).astimezone(UTC)


def _seconds(moment: datetime) -> int:
    return -int(-moment.timestamp() // 1)  # never before it


class _Meter:
    """What one dimension takes, hour by hour."""

    def __init__(self, cap: Cap, buckets: Buckets) -> None:
        self.cap = cap
        self.hours: dict[int, int] = defaultdict(int)
        for hour, count in buckets.items():
            self.hours[_seconds(hour) // HOUR_SECONDS] += count
        self.total = sum(self.hours.values())

    def room(self, hour: int) -> bool:
        """Whether one more fits into this hour and into every 24 hours that it is part of."""
        if self.cap.hourly is not None and self.hours.get(hour, 0) >= self.cap.hourly:
            return False
        return self.cap.daily is None or self.total < self.cap.daily or self._fullest_day(hour) < self.cap.daily

    def take(self, hour: int) -> None:
        self.hours[hour] += 1
        self.total += 1

    def _fullest_day(self, hour: int) -> int:
        day = sum(self.hours.get(each, 0) for each in range(hour - DAY + 1, hour + 1))
        fullest = day
        for step in range(1, DAY):
            day += self.hours.get(hour + step, 0) - self.hours.get(hour - DAY + step, 0)
            fullest = max(fullest, day)
        return fullest


class _Desk:
    """All meters and the mailboxes' calendars while a plan is made."""

    def __init__(
        self, caps: Mapping[Key, Cap], used: Mapping[Key, Buckets], busy: Mapping[int, Sequence[datetime]], gap: timedelta
    ) -> None:  # fmt: skip
        self._caps, self._used = caps, used
        self._meters: dict[Key, _Meter] = {}
        self._busy = {mailbox: sorted(map(_seconds, times)) for mailbox, times in busy.items()}
        self._gap = int(gap.total_seconds())

    def take(self, due: Due, first: int, last: int) -> int | str:
        """A second between first and last, taken; or which dimension has no room."""
        meters = [self._meter(key) for key in due.keys]
        calendar = self._busy.setdefault(due.mailbox_id, [])
        full = ""
        for low, high in _choices(due.number, first, last):
            hour = low // HOUR_SECONDS
            closed = next((key for key, meter in zip(due.keys, meters, strict=True) if not meter.room(hour)), None)
            if closed is not None:
                full = full or f"the {closed[0]} is full"
            elif (slot := _free(calendar, low, high, self._gap)) is not None:
                insort(calendar, slot)
                for meter in meters:
                    meter.take(hour)
                return slot
        return full or "the mailbox is busy"

    def _meter(self, key: Key) -> _Meter:
        if key not in self._meters:
            self._meters[key] = _Meter(self._caps.get(key, Cap(0, 0)), self._used.get(key, {}))
        return self._meters[key]


def _choices(number: int, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Parts of hours, beginning where the message's own number points, round to it again."""
    wish = first + (last - first) * (number % _GRAINS) // _GRAINS
    yield from _hours(wish, last)
    yield from _hours(first, wish - 1)


def _hours(low: int, high: int) -> Iterator[tuple[int, int]]:
    while low <= high:
        end = (low // HOUR_SECONDS + 1) * HOUR_SECONDS - 1
        yield low, min(end, high)
        low = end + 1


def _free(calendar: Sequence[int], low: int, high: int, gap: int) -> int | None:
    """The first second that is a gap away from all others."""
    place = bisect_left(calendar, low - gap + 1)
    while low <= high:
        if place == len(calendar) or calendar[place] - low >= gap:
            return low
        low = max(low, calendar[place] + gap)
        place += 1
    return None


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
