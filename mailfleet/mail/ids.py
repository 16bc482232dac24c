"""Numbers, ids and tokens that lie in other people's mailboxes for years; each says its version and key."""

from __future__ import annotations

import base64
import hmac
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

Keys = Mapping[int, bytes]

VERSION = 1
HASH_BYTES = 16
_MAC = 8
_NUMBER = struct.Struct(">BQ")  # key id, message
_TOKEN = struct.Struct(">BBIQ16s")  # version, key id, tenant, message, person
_MESSAGE_ID = re.compile(r"(?<![0-9a-z])1\.([a-z2-7]{28})@", re.IGNORECASE)
_RETURN_PATH = re.compile(r"<?b([a-z2-7]{61})@", re.IGNORECASE)


@dataclass(frozen=True)
class Token:
    """What a link or a return path says without a look into the database."""

    tenant_id: int
    message_id: int
    person_hash: bytes


def keyed_hash(key: bytes, text: str) -> bytes:
    """16 bytes that stand for an address or a person and cannot be turned back without the key."""
    return _mac(key, b"hash", text.encode())[:HASH_BYTES]


def message_number(key: bytes, *, tenant: str, campaign: str, person: bytes, step: str) -> int:
    """The 63-bit number of a message: the same again whenever it is planned again, also after a restore."""
    parts = (tenant.encode(), campaign.encode(), person, step.encode())
    packed = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    return (int.from_bytes(_mac(key, b"message", packed)[:8], "big") >> 1) or 1


def message_id(keys: Keys, number: int, domain: str) -> str:
    """The Message-ID of a message, the same in every attempt: the oldest key kept signs it, not the newest.

    Nobody can forge one even with that key: the number is a keyed hash itself.
    """
    oldest = min(keys)
    body = _NUMBER.pack(oldest, number)
    return f"<{VERSION}.{_text(body + _mac(keys[oldest], b'id', body)[:_MAC])}@{domain}>"


def read_message_id(keys: Keys, header_text: str) -> int | None:
    """The number of the last Message-ID of ours in a header or a log line; None where there is none."""
    found = (_number(keys, match[1]) for match in reversed(list(_MESSAGE_ID.finditer(header_text))))
    return next((number for number in found if number is not None), None)


def _number(keys: Keys, text: str) -> int | None:
    body = _verified(keys, text, b"id", at=0)
    return _NUMBER.unpack(body)[1] if body else None


def write_token(keys: Keys, token: Token) -> str:
    """61 lower-case letters and digits, signed with the newest key."""
    newest = max(keys)
    body = _TOKEN.pack(VERSION, newest, token.tenant_id, token.message_id, token.person_hash)
    return _text(body + _mac(keys[newest], b"token", body)[:_MAC])


def read_token(keys: Keys, text: str) -> Token | None:
    """The token in `text`, in any case of letters; None where it is not ours."""
    body = _verified(keys, text, b"token", at=1)
    if body is None or len(body) != _TOKEN.size or body[0] != VERSION:
        return None
    _, _, tenant_id, message_id, person_hash = _TOKEN.unpack(body)
    return Token(tenant_id, message_id, person_hash)


def return_path(token: str, bounce_domain: str) -> str:
    """The envelope sender that brings a bounce back to its message."""
    return f"b{token}@{bounce_domain}"


def read_return_path(keys: Keys, address: str) -> Token | None:
    """The token in a return path of ours; None where it is none."""
    match = _RETURN_PATH.match(address.strip())
    return read_token(keys, match[1]) if match else None


def _verified(keys: Keys, text: str, purpose: bytes, *, at: int) -> bytes | None:
    """What was signed, where the key named by its byte `at` is kept and its signature holds."""
    raw = _bytes(text)
    if raw is None or len(raw) <= _MAC + at:
        return None
    body, signature = raw[:-_MAC], raw[-_MAC:]
    key = keys.get(body[at])
    return body if key and hmac.compare_digest(_mac(key, purpose, body)[:_MAC], signature) else None


def _mac(key: bytes, purpose: bytes, body: bytes) -> bytes:
    return hmac.digest(key, purpose + b"\0" + body, "sha256")


def _text(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _bytes(text: str) -> bytes | None:
    """What the text stands for; None where it is no base32, or not the one way of writing it."""
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    return raw if _text(raw) == text.lower() else None
