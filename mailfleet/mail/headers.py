"""Header fields as bytes: nothing can break out of one, no line is too long, and what must stay raw stays raw."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator

WIDTH = 76  # RFC 2047: a line with an encoded word has at most 76 characters
_OVERHEAD = len("=?utf-8?b??=")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_CAREFUL = re.compile(r"[^\x20-\x7e]|=\?|  |[^ ]{60,}")
_UNSAFE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\\\"@]+@[^\s<>()\[\],;:\\\"@]+")


class HeaderRefused(Exception):
    """A value that must not stand in a header; the message names the field and shows no value."""


def text(name: str, value: str) -> bytes:
    """An unstructured field's value, e.g. a subject: folded, and in encoded words where it is not plain."""
    clean = _clean(name, value).strip()
    lines = _encoded(name, clean) if _CAREFUL.search(clean) else _folded(name, clean)
    return "\r\n ".join(lines).encode()


def person(name: str, display: str, address: str) -> bytes:
    """A mailbox field's value: `Display name <address>`."""
    if not _ADDRESS.fullmatch(_clean(name, address)):
        raise HeaderRefused(f"{name}: not an address")
    shown = _clean(name, display).strip()
    if not shown:
        return f"<{address}>".encode()
    too_long = len(name) + 2 + len(_quoted(shown)) > WIDTH  # a quoted name cannot be folded safely
    lines = _encoded(name, shown) if too_long or _CAREFUL.search(shown) else [_quoted(shown)]
    one_line = len(lines) == 1 and len(f"{name}: {lines[0]} <{address}>") <= WIDTH
    return ("\r\n ".join(lines) + (" " if one_line else "\r\n ") + f"<{address}>").encode()


def raw(name: str, value: str) -> bytes:
    """A value that must not be encoded or folded: links, ids, Feedback-ID."""
    if not _PLAIN.fullmatch(value) or len(name) + len(value) > 990:
        raise HeaderRefused(f"{name}: not plain, or too long")
    return value.encode()


def ids(name: str, values: tuple[str, ...]) -> bytes:
    """Message-IDs, one a line, the last ten."""
    return b"\r\n ".join(raw(name, value) for value in values[-10:])


def _clean(name: str, value: str) -> str:
    if not value.isprintable() and any(unicodedata.category(sign) in _UNSAFE for sign in value):
        raise HeaderRefused(f"{name}: control characters")
    return value


def _quoted(shown: str) -> str:
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _folded(name: str, value: str) -> list[str]:
    """Words on lines of at most 76 characters; the first line also carries the name."""
    lines, room = [""], WIDTH - len(name) - 2
    for word in value.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
            room = WIDTH - 1
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return lines


def _encoded(name: str, value: str) -> list[str]:
    """Encoded words of whole characters, each at most 75 long, one a line."""
    return [
        f"=?utf-8?b?{base64.b64encode(chunk).decode()}?=" for chunk in _chunks(value, WIDTH - len(name) - 2)
    ]


def _chunks(value: str, first: int) -> Iterator[bytes]:
    room, chunk = _payload(first), b""
    for sign in value:
        piece = sign.encode()
        if len(chunk) + len(piece) > room:
            yield chunk
            room, chunk = _payload(WIDTH - 1), b""
        chunk += piece
    yield chunk


def _payload(width: int) -> int:
    return (width - _OVERHEAD) // 4 * 3
