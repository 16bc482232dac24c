"""Somebody pressed the spam button, and the receiver reports it (RFC 5965)."""

import re
from zlib import crc32

from sandbox.letter import Letter
from sandbox.reactions.mime import date, message_id, report
from sandbox.tables import domain_name


def complaint(letter: Letter) -> tuple[str, str, bytes]:
    """A feedback report to the return path; every other receiver hides who complained."""
    domain, rcpt = domain_name(letter.rcpt_to), letter.rcpt_to
    hidden = crc32(rcpt.encode()) % 2 == 0
    head = {
        "Date": date(),
        "From": f"Feedback Loop <feedback@{domain}>",
        "To": letter.mail_from,
        "Subject": "Email Feedback Report for a message received from your system",
        "Message-ID": message_id(f"arf{rcpt}{letter.message_id}", domain),
    }
    original = letter.head.decode("utf-8", "surrogateescape")
    return (
        f"feedback@{domain}",
        letter.mail_from,
        report(
            head,
            "feedback-report",
            [
                (
                    {"Content-Type": "text/plain; charset=us-ascii"},
                    "This is an abuse report for a message.\n",
                ),
                ({"Content-Type": "message/feedback-report"}, facts(letter, hidden)),
                (
                    {"Content-Type": "message/rfc822"},
                    (redacted(original, rcpt) if hidden else original) + "\n",
                ),
            ],
        ),
    )


def facts(letter: Letter, hidden: bool) -> str:
    """The part for machines."""
    lines = [
        "Feedback-Type: abuse",
        "User-Agent: SandboxFeedback/1.0",
        "Version: 1",
        f"Original-Mail-From: <{letter.mail_from}>",
        f"Arrival-Date: {date()}",
        "Source-IP: 198.51.100.25",
        f"Reported-Domain: {domain_name(letter.answer_to)}",
    ]
    return "\n".join(lines if hidden else [*lines, f"Original-Rcpt-To: <{letter.rcpt_to}>"])


def redacted(original: str, rcpt: str) -> str:
    """The original header block without the plain address of the one who complained."""
    return re.sub(re.escape(rcpt), "[redacted]", original, flags=re.IGNORECASE)
