"""What is said of a message, judged with the message in hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from db.feedback import Subject
from mailfleet.acts.keys import Keys
from mailfleet.acts.understand import Said
from mailfleet.mail import ids, postfix_log, smtp_reply
from mailfleet.mail.dsn import Dsn, Recipient
from mailfleet.policy import address
from mailfleet.policy.feedback import Heard, final_verdict, heard_of_report, written_by_our_node
from mailfleet.policy.lifecycle import State
from mailfleet.policy.outcome import About, Reply, Verdict

DIRECT = "submission"


@dataclass(frozen=True)
class Judgement:
    """What was heard, what the breakers count of it, and what the reply meant."""

    heard: Heard
    verdict: Verdict | None
    classified: Verdict | None = None
    about: About | None = None
    retry_after: timedelta | None = None
    reply: Reply | None = None


def judge_said(keys: Keys, said: Said, subject: Subject) -> Judgement:
    """What follows from it for this message."""
    recipient = said.dsn.worst if said.dsn else None
    reply = recipient.reply if recipient else said.reply
    heard = said.heard or _heard(said.dsn, recipient, subject)
    classified = smtp_reply.classify(subject.receiver, reply) if reply else None
    verdict = final_verdict(
        heard,
        classified.verdict if classified else None,
        our_recipient=recipient is None or _is_ours(keys, recipient, subject),
        last_word=subject.egress_kind == DIRECT,
    )
    if classified is None or heard not in (Heard.BOUNCED, Heard.RETURNED):
        return Judgement(heard, verdict, reply=reply)
    return Judgement(heard, verdict, classified.verdict, classified.about, classified.retry_after, reply)


def _heard(report: Dsn | None, recipient: Recipient | None, subject: Subject) -> Heard:
    if report is None or recipient is None:
        return Heard.SEEN
    ours = written_by_our_node(
        through_node=subject.egress_kind != DIRECT,
        state=State(subject.state),
        queue_id=report.queue_id,
        known={*subject.queue_ids, *([subject.queue_ref] if subject.queue_ref else [])},
    )
    lost = postfix_log.lost_after_the_dot(recipient.diagnostic)
    return heard_of_report(recipient.action, recipient.status, lost=lost, ours=ours)


def _is_ours(keys: Keys, recipient: Recipient, subject: Subject) -> bool:
    """Whether a report names the person we wrote to. One that names nobody is about the message it returns."""
    named = [text for text in (recipient.original, recipient.final) if text]
    return not named or any(_same(keys, text, subject) for text in named)


def _same(keys: Keys, text: str, subject: Subject) -> bool:
    parsed = address.parse(text)
    plain = parsed.address if isinstance(parsed, address.Parsed) else text
    hashes = {ids.keyed_hash(key, plain) for key in keys.hashes.keys.values()}
    hashes |= {ids.keyed_hash(key, address.person(plain)) for key in keys.hashes.keys.values()}
    return subject.address_hash in hashes or subject.person_hash in hashes
