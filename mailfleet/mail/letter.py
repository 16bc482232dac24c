"""A mail as it arrived: its head and its parts, flat; whatever the bytes are, reading them does not fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

MAX_PARTS = 200
MAX_TEXT = 200_000
# What the standard library's parser and its decoders are known to raise on mail that is broken on purpose.
MALFORMED = (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError)

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Part:
    """One part: its kind in small letters, its text, and the header blocks that a report consists of."""

    kind: str
    text: str
    blocks: tuple[Fields, ...] = ()
    attached: bool = False


@dataclass(frozen=True)
class Letter:
    """Head and parts. What another message, attached to this one, consists of is not among the parts."""

    head: Fields
    parts: tuple[Part, ...]

    def all(self, name: str) -> list[str]:
        """Every value of a header, unfolded."""
        return values(self.head, name)

    def first(self, name: str) -> str:
        """The first value of a header, '' where there is none."""
        return next(iter(self.all(name)), "")


def values(fields: Fields, name: str) -> list[str]:
    """Every value that the name has among these fields."""
    return [value for field, value in fields if field == name.lower()]


def read(raw: bytes) -> Letter:
    """The letter; one without parts where it cannot be read."""
    try:
        message = BytesParser(policy=compat32).parsebytes(raw)
        return Letter(_fields(message), tuple(_parts(message, [MAX_PARTS])))
    except MALFORMED:
        return Letter((), ())


def _parts(message: Message, left: list[int]) -> Iterator[Part]:
    left[0] -= 1
    if left[0] < 0:
        return
    kind = message.get_content_type().lower()
    inside = message.get_payload()
    if kind.startswith("message/") or kind == "text/rfc822-headers":
        yield Part(kind, _text(message), _blocks(message), True)
    elif isinstance(inside, list):
        for one in inside:
            if isinstance(one, Message):
                yield from _parts(one, left)
    else:
        yield Part(kind, _text(message), (), message.get_content_disposition() == "attachment")


def _blocks(message: Message) -> tuple[Fields, ...]:
    """The header blocks of a report, or the head of an attached message."""
    inside = message.get_payload()
    if isinstance(inside, list):
        return tuple(_fields(one) for one in inside[:MAX_PARTS] if isinstance(one, Message))
    return tuple(block for text in re.split(r"\n\s*\n", _text(message)) if (block := fields_of(text)))


def fields_of(text: str) -> Fields:
    """The header fields that a text consists of."""
    unfolded = re.sub(r"\r?\n[ \t]+", " ", text)
    pairs = (line.partition(":") for line in unfolded.splitlines())
    return tuple(
        (name.strip().lower(), _clean(value))
        for name, colon, value in pairs
        if colon and " " not in name.strip()
    )


def _fields(message: Message) -> Fields:
    return tuple((str(name).lower(), _clean(str(value))) for name, value in message.items())


def _clean(value: str) -> str:
    """One line of real characters: no folding, no NUL, nothing that is no text."""
    return " ".join(value.replace("\0", " ").encode("utf-8", "replace").decode().split())


def _text(message: Message) -> str:
    raw = message.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    charset = message.get_content_charset() or "utf-8"
    try:
        text = raw[: 4 * MAX_TEXT].decode(charset, "replace")
    except (LookupError, UnicodeError):
        text = raw[: 4 * MAX_TEXT].decode("utf-8", "replace")
    return text.replace("\0", " ").replace("\r\n", "\n")[:MAX_TEXT]
