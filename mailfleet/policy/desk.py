"""Finds a free second: within the hours' and days' caps, and a gap away from what the mailbox writes already."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from mailfleet.policy.allowance import DAY, Buckets, Cap, Key

HOUR_SECONDS = 3600
_GRAINS = 9973


def seconds(moment: datetime) -> int:
    """Whole seconds of the epoch, never before the moment."""
    return -int(-moment.timestamp() // 1)


class _Meter:
    """What one dimension takes, hour by hour."""

    def __init__(self, cap: Cap, buckets: Buckets) -> None:
        self.cap = cap
        self.hours: dict[int, int] = defaultdict(int)
        for hour, count in buckets.items():
            self.hours[seconds(hour) // HOUR_SECONDS] += count
        self.total = sum(self.hours.values())

    def room(self, hour: int) -> bool:
        """Whether one more fits into this hour and into every 24 hours that it is part of."""
        if self.cap.hourly is not None and self.hours.get(hour, 0) >= self.cap.hourly:
            return False
        return (
            self.cap.daily is None or self.total < self.cap.daily or self._fullest_day(hour) < self.cap.daily
        )

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


class Desk:
    """All meters and the mailboxes' calendars while a plan is made."""

    def __init__(
        self, caps: Mapping[Key, Cap], used: Mapping[Key, Buckets], busy: Mapping[int, Sequence[datetime]], gap: timedelta
    ) -> None:  # fmt: skip
        self._caps, self._used = caps, used
        self._meters: dict[Key, _Meter] = {}
        self._busy = {mailbox: sorted(map(seconds, times)) for mailbox, times in busy.items()}
        self._gap = int(gap.total_seconds())

    def take(self, number: int, mailbox_id: int, keys: Sequence[Key], first: int, last: int) -> int | str:
        """A second between first and last, taken; or which dimension has no room."""
        meters = [self._meter(key) for key in keys]
        calendar = self._busy.setdefault(mailbox_id, [])
        full = ""
        for low, high in _choices(number, first, last):
            hour = low // HOUR_SECONDS
            closed = next(
                (key for key, meter in zip(keys, meters, strict=True) if not meter.room(hour)), None
            )
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
