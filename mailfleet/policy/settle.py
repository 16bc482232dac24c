"""When an unknown message was accepted by our node, and when it certainly never arrived there (law 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailfleet.policy.lifecycle import Event

# How far log and queue must have been read past the end of a try: what Postfix took, it logs within seconds.
MARGIN = timedelta(seconds=30)
# A worker that died without a word may have left its line open: Postfix hangs up after 300 s of silence.
SILENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class Seen:
    """What is known of one unknown try through a node's Postfix. Times are the machine's."""

    began_at: datetime
    ended_at: datetime | None  # as its worker recorded it; None: the worker died
    unknown_since: datetime
    late: str | None  # how a worker that had lost its lease saw it end
    active: bool  # the queue manager took over a queue id of this try
    queued: bool  # one of its ids is in the queue
    postfix_up: bool
    queue_read_at: datetime | None
    log_read_at: datetime | None
    log_whole_since: datetime | None  # nothing of the log is missing from here on


def settle(seen: Seen) -> Event | None:
    """What the evidence says; None: it says nothing yet, and the message stays unknown."""
    if seen.late == "accepted" or seen.active or seen.queued:
        return Event.EVIDENCE
    if seen.late in ("deferred", "refused"):
        return Event.RETURN_LATER  # they did not take it: asked again, they say what follows
    return Event.ABSENT if _searched(seen) else None


def _searched(seen: Seen) -> bool:
    """Postfix is up, its queue was searched and its log read, whole, past the end of the try. Silence is nothing."""
    over = seen.ended_at + MARGIN if seen.ended_at else seen.unknown_since + SILENCE
    return (
        seen.postfix_up
        and seen.queue_read_at is not None
        and seen.queue_read_at > over
        and seen.log_read_at is not None
        and seen.log_read_at > over
        and seen.log_whole_since is not None
        and seen.log_whole_since <= seen.began_at
    )
