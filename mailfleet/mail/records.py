"""Texts of DNS records that a sending domain's owner must publish."""

from __future__ import annotations

import base64

_STRING = 255  # the most one character-string of a TXT record holds (RFC 1035 section 3.3.14)


def dkim_name(selector: str, domain: str) -> str:
    """Where the public key is looked for (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def dkim_text(public_key: bytes) -> str:
    """The record's text for a public key in DER (SubjectPublicKeyInfo)."""
    return f"v=DKIM1; k=rsa; p={base64.b64encode(public_key).decode()}"


def txt_strings(value: str) -> str:
    """The text as a zone file writes it: quoted strings that are not too long."""
    return " ".join(f'"{value[start : start + _STRING]}"' for start in range(0, len(value), _STRING))
