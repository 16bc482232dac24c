"""What an egress is given, and how long it waits for each answer."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Envelope:
    """One message for one person; `receiver` names their mail system, whose replies we know how to read."""

    mail_from: str
    rcpt_to: str = field(repr=False)
    data: bytes = field(repr=False)
    receiver: str

    @property
    def needs_utf8(self) -> bool:
        """Whether an address is not ASCII: only an SMTPUTF8 server can be told it."""
        return not (self.mail_from + self.rcpt_to).isascii()


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for each answer: RFC 5321 section 4.5.3.2. A shorter last one makes duplicates."""

    greeting: float = 300
    mail: float = 300
    rcpt: float = 300
    data: float = 120
    block: float = 180
    final: float = 600
    quit: float = 5


@dataclass(frozen=True)
class Place:
    """Where an egress is and how it wants to be spoken to."""

    host: str
    port: int
    helo: str
    tls: str = "none"  # starttls and implicit are demands: without TLS nothing is said
    connections: int = 10
    timeouts: Timeouts = Timeouts()
