"""What a receiver's copy of a message says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from email import policy
from email.parser import BytesHeaderParser


@dataclass(frozen=True)
class Received:
    """The headers that say which message this is, for whom, of which campaign and step."""

    message_id: str
    recipient: str
    campaign: str
    step: str


def read(raw: bytes, recipient: str) -> Received:
    """The identity of a received message; empty strings where a header is missing."""
    headers = BytesHeaderParser(policy=policy.compat32).parsebytes(raw)
    campaign, _, rest = str(headers.get("Feedback-ID", "")).strip().partition(":")
    return Received(
        str(headers.get("Message-ID", "")).strip(), recipient.lower(), campaign, rest.partition(":")[0]
    )
