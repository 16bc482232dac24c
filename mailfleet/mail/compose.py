"""From a step's text and a lead to a letter: compiled once a step, filled for every lead, bytes out."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime
from html import escape

from mailfleet.mail import footer, headers
from mailfleet.mail.footer import Imprint
from mailfleet.mail.template import Text, compiled

# What a step's text may name besides the lead's own variables.
NAMES = ("given_name", "family_name", "company", "country", "language", "mailbox_name")
_LONG_LINE = re.compile(r"[^\n]{991}")
_NEWLINES = re.compile(r"\r\n?|\n")


@dataclass(frozen=True)
class Step:
    """One step's text and who answers for it."""

    subject: str  # empty: as the first step's, with Re:
    first_subject: str
    text: str
    html: str
    feedback_id: str
    imprint: Imprint


@dataclass(frozen=True)
class Sender:
    """The mailbox that writes."""

    address: str
    display_name: str


@dataclass(frozen=True)
class Recipient:
    """The person written to, and from where we have the data."""

    address: str
    given_name: str
    family_name: str
    company: str
    country: str
    language: str
    variables: Mapping[str, object]
    basis_source: str
    basis_at: date


@dataclass(frozen=True)
class Marks:
    """What makes this letter this message."""

    message_id: str
    thread: tuple[str, ...]  # Message-IDs of the thread so far, oldest first
    unsubscribe: str
    boundary: str


@dataclass(frozen=True)
class Letter:
    """A letter before its signature."""

    fields: tuple[tuple[str, bytes], ...]
    body: bytes


@dataclass(frozen=True)
class Compiled:
    """A step that can be filled."""

    subject: Text
    text: Text
    html: Text
    again: bool  # the subject is the first step's
    feedback_id: bytes
    imprint: Imprint

    def fill(self, sender: Sender, recipient: Recipient, marks: Marks, now: datetime) -> Letter:
        """The letter for one lead. Raises TextRefused or HeaderRefused; nothing of the value is shown."""
        values = _values(sender, recipient)
        subject = self.subject.fill(values)
        fields = [
            ("Date", format_datetime(now).encode()),
            ("From", headers.person("From", sender.display_name, sender.address)),
            (
                "To",
                headers.person("To", f"{recipient.given_name} {recipient.family_name}", recipient.address),
            ),
            ("Subject", headers.text("Subject", f"Re: {subject.strip()}" if self.again else subject)),
            *_identity(marks),
            ("List-Unsubscribe", headers.raw("List-Unsubscribe", f"<{marks.unsubscribe}>")),
            ("List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"),
            ("Feedback-ID", self.feedback_id),
            ("MIME-Version", b"1.0"),
            ("Content-Type", f'multipart/alternative;\r\n boundary="{marks.boundary}"'.encode()),
        ]
        return Letter(tuple(fields), self._body(values, recipient, marks))

    def _body(self, values: Mapping[str, object], recipient: Recipient, marks: Marks) -> bytes:
        told = (
            self.imprint,
            recipient.language,
            recipient.basis_source,
            recipient.basis_at,
            marks.unsubscribe,
        )
        plain = self.text.fill(values).rstrip() + footer.plain(*told)
        rich = self.html.fill(values).rstrip() + "\n" + footer.html(*told)
        edge = b"--" + marks.boundary.encode()
        page = _page(rich, recipient.language)
        return b"\r\n".join([edge, _part(plain, "plain"), edge, _part(page, "html"), edge + b"--", b""])


def compile_step(step: Step) -> Compiled:
    """The step, ready to be filled. Raises TextRefused or HeaderRefused."""
    return Compiled(
        compiled(step.subject or step.first_subject, html=False),
        compiled(step.text, html=False),
        compiled(step.html or _from_text(step.text), html=True),
        not step.subject,
        headers.raw("Feedback-ID", step.feedback_id),
        step.imprint,
    )


def to_bytes(letter: Letter, *first: tuple[str, bytes]) -> bytes:
    """The whole letter, with these fields above the others."""
    fields = b"".join(b"%b: %b\r\n" % (name.encode(), value) for name, value in (*first, *letter.fields))
    return fields + b"\r\n" + letter.body


def _values(sender: Sender, recipient: Recipient) -> dict[str, object]:
    return {
        **recipient.variables,
        "given_name": recipient.given_name,
        "family_name": recipient.family_name,
        "company": recipient.company,
        "country": recipient.country,
        "language": recipient.language,
        "mailbox_name": sender.display_name,
    }


def _identity(marks: Marks) -> list[tuple[str, bytes]]:
    own = [("Message-ID", headers.raw("Message-ID", marks.message_id))]
    if not marks.thread:
        return own
    return [
        *own,
        ("In-Reply-To", headers.raw("In-Reply-To", marks.thread[-1])),
        ("References", headers.ids("References", marks.thread)),
    ]


def _page(rich: str, language: str) -> str:
    """A whole page, whatever the step's HTML was."""
    if "<html" in rich[:2000].lower():
        return rich
    head = f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8"></head><body>\n'
    return head + rich + "</body></html>\n"


def _from_text(text: str) -> str:
    return f'<div style="white-space:pre-line">{text}</div>'


def _part(text: str, subtype: str) -> bytes:
    """A text part with CRLF line ends: as it is where that is plain, else base64 in lines of 76."""
    lines = _NEWLINES.sub("\r\n", text)
    kind = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: "
    if lines.isascii() and "\0" not in lines and not _LONG_LINE.search(lines):
        return f"{kind}7bit\r\n\r\n{lines}".encode()
    return f"{kind}base64\r\n\r\n".encode() + _base64(lines.encode("utf-8", "replace"))


def _base64(raw: bytes) -> bytes:
    encoded = binascii.b2a_base64(raw, newline=False)
    return b"\r\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
