"""What is said of a message moves it, in one transaction with the note that it was understood."""

from __future__ import annotations

from datetime import datetime

from db import events, feedback, stops, suppressions
from db.engine import Connection
from db.events import NewEvent
from db.feedback import Moved, Subject
from db.persons import Person, Waiting
from mailfleet.acts.aftermath import Aftermath, drop
from mailfleet.acts.consequences import Judged
from mailfleet.acts.keys import Keys
from mailfleet.acts.reports import Judgement, judge_said
from mailfleet.acts.understand import Said
from mailfleet.policy import feedback as rules
from mailfleet.policy.feedback import Heard
from mailfleet.policy.lifecycle import State, next_state
from mailfleet.policy.retry import again_at
from mailfleet.settings.masking import mask

BUSY = ("claimed", "sending")  # the worker's own record of the message comes first


def apply(
    conn: Connection, keys: Keys, said: Said, inbox_id: int, after: Aftermath, *, now: datetime
) -> bool:
    """The message has moved, and `after` knows what else follows; False where the move must wait for whoever has the
    message just now. What it says of the person is never waited with: the begin of that very message reads it.
    """
    state = feedback.state_of(conn, said.message_id)
    if state is None:
        _without_message(said, after)
        return True
    subject = None if state in BUSY else feedback.lock(conn, said.message_id)
    if subject is None or subject.state in BUSY:
        _ahead_of_the_move(conn, keys, said, after, now)
        return False
    judgement = judge_said(keys, said, subject)
    _move(conn, subject, said, judgement, inbox_id, now)
    _judge(subject, judgement, after)
    _of_the_person(subject, judgement, after)
    return True


def _ahead_of_the_move(conn: Connection, keys: Keys, said: Said, after: Aftermath, now: datetime) -> None:
    """Comes again with the move, and doubles nothing then; the breakers count it only then."""
    subject = feedback.read(conn, said.message_id)
    if subject is None:
        return
    judgement = judge_said(keys, said, subject)
    if judged := _judged(subject, judgement):
        after.bar(judged, now=now)
    _of_the_person(subject, judgement, after)


def _of_the_person(subject: Subject, judgement: Judgement, after: Aftermath) -> None:
    effect, person = rules.EFFECTS[judgement.heard], Person(subject.tenant_id, subject.person_hash)
    after.person(person, effect, address_hash=subject.address_hash)


def _without_message(said: Said, after: Aftermath) -> None:
    """The message's row is gone, but its token still says who must not be written to."""
    if said.heard is not None and said.tenant_id is not None and said.person_hash is not None:
        after.person(Person(said.tenant_id, said.person_hash), rules.EFFECTS[said.heard], address_hash=None)


def _move(
    conn: Connection, subject: Subject, said: Said, judgement: Judgement, inbox_id: int, now: datetime
) -> None:
    effect, before = rules.EFFECTS[judgement.heard], State(subject.state)
    speaks = rules.of_this_try(
        effect, state=before, queue_id=said.queue_id, queue_ref=subject.queue_ref, known=subject.queue_ids,
        arrived=subject.arrived,
    )  # fmt: skip
    after = next_state(before, effect.event) if speaks else before
    if after is not before:
        if subject.egress_kind is None:
            feedback.give_route(conn, subject.message_id)
        feedback.move(conn, subject.message_id, _moved(conn, subject, after, said, judgement, now), now=now)
    reply = said.reply or judgement.reply
    events.append(conn, [NewEvent(
        subject.tenant_id, subject.message_id, effect.event, said.source, before, after,
        judgement.verdict, judgement.about, mask(reply.text)[:1000] if reply else None, inbox_id,
    )], now=now)  # fmt: skip
    if after is State.HELD is not before:
        _drop_if_suppressed(conn, subject, now)


def _moved(
    conn: Connection, subject: Subject, after: State, said: Said, judgement: Judgement, now: datetime
) -> Moved:
    ref = said.queue_id if said.queue_id in subject.queue_ids else None
    match after:
        case State.DEFERRED:
            due = again_at(
                now, attempt=subject.attempt, retry_after=judgement.retry_after, message_id=subject.message_id
            )
            return Moved(after, f"deferred: {judgement.classified}", due_at=due, queue_ref=ref)
        case State.UNKNOWN:
            return Moved(after, "our node lost the line after the final dot", queue_ref=ref)
        case State.HELD:
            return _held(conn, subject, now)
        case State.BOUNCED:
            return Moved(after, f"bounced: {judgement.verdict}", queue_ref=ref)
        case _:
            return Moved(after, queue_ref=ref)


def _drop_if_suppressed(conn: Connection, subject: Subject, now: datetime) -> None:
    """What was pulled because the person is suppressed does not wait for a stop to end."""
    hashes = (subject.person_hash, subject.address_hash)
    found = suppressions.forbidden(conn, tenant_id=subject.tenant_id, hashes=hashes, domains=(), now=now)
    if found:
        reason = f"suppressed: {min(found.values())}"
        drop(conn, [Waiting(subject.message_id, State.HELD, reason)], now=now)


def _held(conn: Connection, subject: Subject, now: datetime) -> Moved:
    """Not due for an hour, whatever becomes of the stop: a delivery that was under way has spoken by then."""
    again = now + rules.AFTER_A_PULL
    ours = [stop for stop in stops.standing(conn, now) if _scopes(subject).get(stop[0]) == stop[1]]
    held = max((until or subject.expires_at, f"{scope} stopped: {reason}") for scope, _, _, reason, until in ours) if ours else (
        again, "taken out of the node's queue")  # fmt: skip
    return Moved(State.HELD, held[1], due_at=again, hold_until=max(held[0], again))


def _scopes(subject: Subject) -> dict[str, int | None]:
    return {
        "tenant": subject.tenant_id, "campaign": subject.campaign_id, "mailbox": subject.mailbox_id,
        "domain": subject.domain_id, "import": subject.import_id, "egress": subject.egress_id, "node": subject.node_id,
    }  # fmt: skip


def _judge(subject: Subject, judgement: Judgement, after: Aftermath) -> None:
    if judged := _judged(subject, judgement):
        after.judge(judged, complained=judgement.heard is Heard.COMPLAINED)


def _judged(subject: Subject, judgement: Judgement) -> Judged | None:
    if judgement.verdict is None:
        return None
    return Judged(
        subject.tenant_id, subject.message_id, judgement.verdict, subject.campaign_id, subject.mailbox_id,
        subject.domain_id, subject.import_id, subject.receiver, subject.person_hash, subject.address_hash,
    )  # fmt: skip
