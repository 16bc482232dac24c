"""What a mail that came back is about: which message of ours, and what it says of it.

Only a mail that carries a signed id of ours is understood at all: anybody can write a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailfleet.mail import arf, dsn, ids, letter, reply
from mailfleet.mail.arf import Report
from mailfleet.mail.dsn import Dsn
from mailfleet.mail.ids import Keys, Token
from mailfleet.mail.letter import Fields, Letter, values

ENVELOPE = ("delivered-to", "x-original-to", "to", "cc")
THREAD = ("in-reply-to", "references")


@dataclass(frozen=True)
class Whose:
    """The message that a mail is about; the token says more, where it came to a return path of ours."""

    message_id: int
    token: Token | None


@dataclass(frozen=True)
class Bounce:
    """A delivery report."""

    whose: Whose
    dsn: Dsn


@dataclass(frozen=True)
class Complaint:
    """A feedback report, not necessarily a complaint."""

    whose: Whose
    report: Report


@dataclass(frozen=True)
class Automatic:
    """A program's answer."""

    whose: Whose


@dataclass(frozen=True)
class Answer:
    """A person's answer; `stop`: they ask us to write no more."""

    whose: Whose
    stop: bool


Feedback = Bounce | Complaint | Automatic | Answer


def read(keys: Keys, raw: bytes) -> Feedback | None:
    """What the mail says; None where it carries no id of ours, or is nothing we know.

    Bounce first, since it carries the marks of an automatic reply as well; a person's answer last, and never one to
    a return path: nobody writes there by hand.
    """
    mail = letter.read(raw)
    report, complaint = dsn.read(mail), arf.read(mail)
    whose = _whose(keys, mail, dsn.returned(mail) if report or complaint else ())
    if whose is None:
        return None
    if report:
        return Bounce(whose, report)
    if complaint:
        return Complaint(whose, complaint)
    if reply.automatic(mail):
        return Automatic(whose)
    if whose.token or reply.from_nobody(mail):
        return None
    return Answer(whose, reply.asks_to_stop(reply.visible(mail)))


def _whose(keys: Keys, mail: Letter, returned: Fields) -> Whose | None:
    for address in _addresses(mail, returned):
        if token := ids.read_return_path(keys, address):
            return Whose(token.message_id, token)
    threads = [*values(returned, "message-id"), *(value for name in THREAD for value in mail.all(name))]
    numbers = (ids.read_message_id(keys, value) for value in threads)
    number = next((number for number in numbers if number is not None), None)
    return None if number is None else Whose(number, None)


def _addresses(mail: Letter, returned: Fields) -> Iterator[str]:
    """Every address that may be a return path: whom the mail came to, and whom the message it is about named."""
    for value in [
        *(value for name in ENVELOPE for value in mail.all(name)),
        *values(returned, "return-path"),
    ]:
        for word in value.replace(",", " ").split():
            yield word.strip("<>\"'();")
