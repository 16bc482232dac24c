"""Writes down how tries ended: state, event, attempt and verdict in one transaction, in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db import attempts, messages
from db.attempts import Attempt
from db.claims import Begun
from db.egresses import Egress
from db.engine import Connection
from db.leases import Lease
from db.messages import Ended, Subject
from mailfleet.acts.consequences import Judged, after_outcomes
from mailfleet.policy.lifecycle import Event, State, next_state
from mailfleet.policy.outcome import Accepted, Deferred, Outcome, Refused, Unknown, Verdict
from mailfleet.policy.retry import again_at
from mailfleet.settings.masking import mask


@dataclass(frozen=True)
class Try:
    """One try as the worker saw it."""

    begun: Begun
    tenant_id: int
    receiver: str
    egress: Egress
    took: timedelta
    outcome: Outcome


def record(
    conn: Connection, lease: Lease, tries: Sequence[Try], *, node_id: int, now: datetime
) -> list[tuple[Try, State]]:
    """Those that the lease still holds have ended so, and what follows from it was done; returned are they.

    What a worker saw after it lost its lease moves nothing and is kept as late evidence.
    """
    if not tries:
        return []
    ended = [_ended(one, now) for one in tries]
    moved = messages.end(conn, lease, ended, now=now)
    ours = {subject.message_id for subject in moved}
    pairs = list(zip(tries, ended, strict=True))
    attempts.append(
        conn, [_attempt(one, end, lease, node_id, late=end.message_id not in ours) for one, end in pairs]
    )
    verdicts = {end.message_id: Verdict(end.verdict) for end in ended if end.verdict}
    after_outcomes(
        conn, [_judged(one, verdicts[one.message_id]) for one in moved if one.message_id in verdicts], now=now
    )
    return [(one, State(end.state)) for one, end in pairs if end.message_id in ours]


def _ended(one: Try, now: datetime) -> Ended:
    """How the outcome moves the message. All four, always."""
    begun = one.begun
    match one.outcome:
        case Accepted(ref, reply):
            # A provider's 250 is the last word we hear; our own node's log will say more.
            verdict = Verdict.ACCEPTED if one.egress.kind == "submission" else None
            return _end(begun, Event.ACCEPT, reply.text, verdict=verdict, queue_ref=ref or None)
        case Deferred(reply, retry_after):
            due_at = again_at(
                now, attempt=begun.attempt, retry_after=retry_after, message_id=begun.message_id
            )
            return _end(begun, Event.DEFER, f"{reply.code} {reply.text}", reason=True, due_at=due_at)
        case Refused(reply, about, verdict):
            return _end(
                begun,
                Event.REFUSE,
                f"{reply.code} {reply.text}",
                reason=True,
                verdict=verdict,
                about=about.value,
            )
        case Unknown(cause):
            return _end(begun, Event.LOSE, cause, reason=True)


def _end(
    begun: Begun,
    event: Event,
    text: str,
    *,
    reason: bool = False,
    verdict: Verdict | None = None,
    about: str | None = None,
    due_at: datetime | None = None,
    queue_ref: str | None = None,
) -> Ended:
    state, shown = next_state(State.SENDING, event), mask(text)
    return Ended(
        begun.message_id, begun.attempt, event.value, state.value, shown if reason else None,
        verdict.value if verdict else None, about, shown, due_at, queue_ref,
    )  # fmt: skip


_OUTCOMES = {"accept": "accepted", "defer": "deferred", "refuse": "refused", "lose": "unknown"}


def _attempt(one: Try, end: Ended, lease: Lease, node_id: int, *, late: bool) -> Attempt:
    return Attempt(
        one.tenant_id, end.message_id, end.attempt, node_id, one.egress.egress_id, lease.fence, one.begun.began_at,
        one.begun.began_at + one.took, _OUTCOMES[end.event], end.about, end.reply, end.queue_ref, late,
    )  # fmt: skip


def _judged(subject: Subject, verdict: Verdict) -> Judged:
    return Judged(verdict=verdict, **vars(subject))
