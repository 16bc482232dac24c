"""When a message that was not taken is tried again: every retry is ours, a node tries once."""

from __future__ import annotations

from datetime import datetime, timedelta

# RFC 5321 asks for 30 minutes or more between tries and 4 to 5 days in all; the first is sooner for greylisting.
STEPS = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 240, 480, 960, 1440, 1440))
MAX_TRIES = len(STEPS) + 1
JITTER = 0.2
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=2)


def again_at(now: datetime, *, attempt: int, retry_after: timedelta | None, message_id: int) -> datetime:
    """When try `attempt` + 1 is due, in business time: what they asked for where they did, else the next step.

    Up to a fifth later, by the message's number: what failed together does not come back together.
    """
    step = STEPS[min(max(attempt, 1), len(STEPS)) - 1]
    wait = step if retry_after is None else min(max(retry_after, SHORTEST), LONGEST)
    return now + wait * (1 + JITTER * (message_id % 1009) / 1009)
