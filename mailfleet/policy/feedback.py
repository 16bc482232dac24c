"""What feedback does: how it moves the message, whom it suppresses, what it ends (laws 4 to 6)."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailfleet.policy.outcome import Verdict

# Only what speaks of the recipient may suppress, and for every tenant: an address that does not exist, exists for nobody.
SUPPRESSES = {Verdict.HARD: "hard", Verdict.INACTIVE: "inactive"}
_LASTS = {"inactive": timedelta(days=180)}  # a disabled mailbox comes back, an unknown one does not


def expires(reason: str, now: datetime) -> datetime | None:
    """When a suppression of this reason lapses; None: never."""
    lasts = _LASTS.get(reason)
    return now + lasts if lasts else None
