"""Business hours of a person: Monday to Friday, between two times of their own day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SATURDAY = 5


def opens(now: datetime, zone: str, start: time, end: time) -> datetime:
    """`now` itself while the window is open in `zone`; else the moment it opens next.

    A start inside the hour that summer time leaves out is taken an hour later, as clocks do.
    """
    local = now.astimezone(ZoneInfo(zone))
    if _works(local.date()) and start <= local.time() < end:
        return now
    day = local.date() if local.time() < start else local.date() + timedelta(days=1)
    while not _works(day):
        day += timedelta(days=1)
    return datetime.combine(day, start, ZoneInfo(zone)).astimezone(UTC)


def _works(day: date) -> bool:
    return day.weekday() < SATURDAY
