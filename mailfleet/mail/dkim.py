"""Signs letters: rsa-sha256, relaxed/relaxed, over both unsubscribe headers and Feedback-ID (RFC 6376, 8058)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key

from mailfleet.mail.compose import Letter

MINIMUM_BITS = 2048
# Named once more than they occur: a second one, added on the way, breaks the signature.
OVERSIGNED = ("from", "to", "subject")
_BLANKS = re.compile(rb"[ \t]+")
_BLANKS_AT_END = re.compile(rb"[ \t]+(?=\r\n)")


class KeyRefused(Exception):
    """Not a key to sign with."""


@dataclass(frozen=True)
class Signer:
    """A sending domain's key, loaded once."""

    domain: str
    selector: str
    key: RSAPrivateKey

    def sign(self, letter: Letter) -> tuple[str, bytes]:
        """The DKIM-Signature field that belongs above the letter."""
        names = [name.lower() for name, _ in letter.fields]
        signed = [*names, *(name for name in OVERSIGNED if name in names)]
        unsigned = self._field(signed, _body_hash(letter.body))
        content = b"\r\n".join([*_relaxed(letter.fields), *_relaxed([("DKIM-Signature", unsigned)])])
        return "DKIM-Signature", unsigned + _lines(self.key.sign(content, PKCS1v15(), SHA256()))

    def _field(self, signed: Sequence[str], body_hash: bytes) -> bytes:
        first = f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={self.domain};\r\n s={self.selector};"
        return f"{first}\r\n h={_wrapped(signed)};\r\n bh={body_hash.decode()};\r\n b=".encode()


def load_signer(domain: str, selector: str, der: bytes) -> Signer:
    """A signer from a PKCS8 key. Raises KeyRefused."""
    key = load_der_private_key(der, None)
    if not isinstance(key, RSAPrivateKey) or key.key_size < MINIMUM_BITS:
        raise KeyRefused(f"the DKIM key of {domain} is not RSA of at least {MINIMUM_BITS} bits")
    return Signer(domain, selector, key)


def _relaxed(fields: Iterable[tuple[str, bytes]]) -> list[bytes]:
    return [
        name.lower().encode() + b":" + _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip()
        for name, value in fields
    ]


def _body_hash(body: bytes) -> bytes:
    relaxed = _BLANKS.sub(b" ", _BLANKS_AT_END.sub(b"", body))
    return base64.b64encode(hashlib.sha256(relaxed.rstrip(b"\r\n") + b"\r\n").digest())


def _wrapped(names: Sequence[str]) -> str:
    """Names on lines short enough for everybody."""
    return ":\r\n  ".join(":".join(names[at : at + 5]) for at in range(0, len(names), 5))


def _lines(signature: bytes) -> bytes:
    text = base64.b64encode(signature)
    return b"\r\n ".join(text[at : at + 72] for at in range(0, len(text), 72))
