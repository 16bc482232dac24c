"""A received letter, as far as those who react to it look into it."""

import re
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses
from functools import cached_property
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Letter:
    """What came over the wire for one recipient."""

    receiver: str
    mx: str
    mail_from: str
    rcpt_to: str
    data: bytes

    @cached_property
    def parsed(self) -> Message:
        return BytesParser().parsebytes(self.data)

    @property
    def head(self) -> bytes:
        """The header block as it came, with CRLF and without the empty line."""
        return re.split(rb"\r?\n\r?\n", self.data, maxsplit=1)[0].rstrip(b"\r\n") + b"\r\n"

    def header(self, name: str) -> str:
        """A header as one decoded line; empty when it is missing."""
        raw = " ".join(str(self.parsed.get(name, "")).split())
        return str(make_header(decode_header(raw)))

    @property
    def message_id(self) -> str:
        return self.header("Message-ID")

    @property
    def answer_to(self) -> str:
        """Where a person's answer goes."""
        named = getaddresses([self.header("Reply-To") or self.header("From")])
        return next((address for _, address in named if "@" in address), "")

    @property
    def text(self) -> str:
        """The first plain text part, empty when there is none."""
        for part in self.parsed.walk():
            if part.get_content_type() == "text/plain":
                body = part.get_payload(decode=True)
                return body.decode("utf-8", "replace") if isinstance(body, bytes) else ""
        return ""

    @property
    def one_click(self) -> tuple[str, str] | None:
        """Host and path of the unsubscribe link, when the letter allows one click."""
        links = re.findall(r"<(https://[^>\s]+)>", self.header("List-Unsubscribe"))
        if not links or "one-click" not in self.header("List-Unsubscribe-Post").lower():
            return None
        link = urlsplit(links[0])
        return link.netloc, link.path + (f"?{link.query}" if link.query else "")
