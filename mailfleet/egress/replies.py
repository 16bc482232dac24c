"""What a server's reply says of a try, at the stage where it was said."""

from __future__ import annotations

import re

from aiosmtplib import SMTPResponse

from mailfleet.mail.smtp_reply import classify
from mailfleet.policy.outcome import About, Deferred, Outcome, Refused, Reply, Verdict

LENGTH = 1000
BAD_SEQUENCE = 503  # a quarrel about protocol: nobody refused the message
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_QUEUED = re.compile(r"\bqueued as ([0-9A-Za-z]{1,64})\b", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def clean(text: str) -> str:
    """The text as it can be stored: one line, no control characters, valid UTF-8, not longer than we care to read."""
    valid = text[: 2 * LENGTH].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _CONTROL.sub(" ", valid).strip()[:LENGTH]


def said(code: int, text: str) -> Reply:
    """The reply as a value; code 0 where the other side said nothing."""
    shown = clean(text)
    enhanced = _ENHANCED.match(shown)
    return Reply(code, enhanced[0] if enhanced else "", shown)


def judged(receiver: str, answer: SMTPResponse, stage: str) -> Outcome:
    """The outcome of a try that was answered, but not as hoped, before anything was taken over."""
    reply = said(answer.code, answer.message)
    if not 400 <= reply.code < 600:
        return Deferred(reply)
    found = classify(receiver, reply)
    if reply.code < 500 or reply.code == BAD_SEQUENCE or found.verdict is Verdict.SOFT:
        return Deferred(reply, found.retry_after)
    if stage == "MAIL" and found.about is About.RECIPIENT:
        return Refused(reply, About.OURS, Verdict.OURS)  # they had not heard of the recipient yet
    return Refused(reply, found.about, found.verdict)


def no_utf8() -> Outcome:
    """An address that this server cannot be told: our way out is wrong, not the person."""
    return Refused(said(0, "SMTPUTF8 is needed and not offered"), About.OURS, Verdict.OURS)


def queue_ref(text: str) -> str:
    """The queue id in a final reply, '' where there is none."""
    found = _QUEUED.search(text[:LENGTH])
    return found[1] if found else ""
