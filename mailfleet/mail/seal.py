"""Secrets at rest: AES-256-GCM, bound to the row they stand in, under a data key of the tenant's own.

The tenant's data key is itself sealed, with the installation's newest encryption key.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
NONCE = 12
_TAG = 16


class Unsealable(Exception):
    """The key is another, or the sealed bytes were changed or moved to another row."""


def about_data_key(tenant: str) -> str:
    """What a tenant's wrapped data key is bound to; `tenant` is the slug."""
    return f"{tenant}|tenants|{tenant}|data_key"


def about_dkim_key(tenant: str, domain: str) -> str:
    """What a domain's DKIM key is bound to; `domain` is its name."""
    return f"{tenant}|domains|{domain}|dkim_key"


def seal(key: bytes, nonce: bytes, plain: bytes, about: str) -> bytes:
    """Version, nonce and ciphertext. The nonce is 12 random bytes, never used twice with one key."""
    if len(nonce) != NONCE:
        raise ValueError(f"a nonce has {NONCE} bytes, not {len(nonce)}")
    return bytes([VERSION]) + nonce + AESGCM(key).encrypt(nonce, plain, about.encode())


def unseal(key: bytes, sealed: bytes, about: str) -> bytes:
    """What was sealed with this key for this row. Raises Unsealable."""
    if len(sealed) < 1 + NONCE + _TAG or sealed[0] != VERSION:
        raise Unsealable(f"not sealed by this version: {about}")
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], about.encode())
    except InvalidTag:
        raise Unsealable(f"sealed with another key, or changed: {about}") from None
