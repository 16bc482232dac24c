"""How much may still leave, by hourly buckets: an hour is one bucket, a day is the last 24."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
DAY = 24

Key = tuple[str, int]  # dimension and id; sorted, it is the order in which rows are locked
Buckets = Mapping[datetime, int]  # whole hours → what they took


@dataclass(frozen=True)
class Cap:
    """What a dimension may take in an hour and in 24; None where it has no such limit."""

    hourly: int | None = None
    daily: int | None = None


@dataclass(frozen=True)
class Wanted:
    """A message and the dimensions it would take one of."""

    message_id: int
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Full:
    """Which dimension had no room, and from which hour on it may have some."""

    key: Key
    opens_at: datetime


@dataclass(frozen=True)
class Shares:
    """Who may go, in the order asked, and who may not, with the reason."""

    admitted: tuple[int, ...]
    refused: Mapping[int, Full]


def whole_hour(moment: datetime) -> datetime:
    """The bucket a moment falls into."""
    return moment.replace(minute=0, second=0, microsecond=0)


def share_out(
    wanted: Sequence[Wanted],
    *,
    hour: datetime,
    caps: Mapping[Key, Cap],
    used: Mapping[Key, Buckets],
    slowed: Collection[Key] = (),
) -> Shares:
    """First come, first served, until a dimension is full. A key without a cap admits nobody: fail closed."""
    limits = {key: _slowed(caps.get(key, _NOTHING), key in slowed) for key in _keys(wanted)}
    left = {key: _left(cap, used.get(key, {}), hour) for key, cap in limits.items()}
    taken: Counter[Key] = Counter()
    admitted: list[int] = []
    full: dict[int, Key] = {}
    for one in wanted:
        if closed := next((key for key in one.keys if left[key] <= taken[key]), None):
            full[one.message_id] = closed
        else:
            admitted.append(one.message_id)
            taken.update(one.keys)
    after = {key: _plus(used.get(key, {}), hour, taken[key]) for key in set(full.values())}
    opens = {key: _opens(limits[key], buckets, hour) for key, buckets in after.items()}
    return Shares(tuple(admitted), {message: Full(key, opens[key]) for message, key in full.items()})


_NOTHING = Cap(0, 0)
_NO_LIMIT = 2**62


def _keys(wanted: Iterable[Wanted]) -> set[Key]:
    return {key for one in wanted for key in one.keys}


def _slowed(cap: Cap, slow: bool) -> Cap:
    """Half of it, but never nothing: slowing is not stopping."""
    return Cap(_half(cap.hourly), _half(cap.daily)) if slow else cap


def _half(limit: int | None) -> int | None:
    return limit if not limit else max(1, limit // 2)


def _left(cap: Cap, buckets: Buckets, hour: datetime) -> int:
    by_hour = _NO_LIMIT if cap.hourly is None else cap.hourly - buckets.get(hour, 0)
    by_day = _NO_LIMIT if cap.daily is None else cap.daily - _last_day(buckets, hour)
    return min(by_hour, by_day)


def _last_day(buckets: Buckets, hour: datetime) -> int:
    return sum(count for bucket, count in buckets.items() if hour - DAY * HOUR < bucket <= hour)


def _plus(buckets: Buckets, hour: datetime, count: int) -> Buckets:
    return {**buckets, hour: buckets.get(hour, 0) + count}


def _opens(cap: Cap, buckets: Buckets, hour: datetime) -> datetime:
    """The first hour with room, if nothing else leaves until then; a day on where there is none."""
    later = (hour + step * HOUR for step in range(1, DAY))
    return next((start for start in later if _left(cap, buckets, start) > 0), hour + DAY * HOUR)
