"""Lines of Postfix's log, traditional format: which message is which, and what became of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_LINE = re.compile(r"(?:\S+\s+){1,5}?(?P<instance>[\w./-]+)/(?P<program>[\w-]+)\[\d+\]: (?P<text>.*)$")
_QUEUE_ID = r"(?P<qid>[0-9A-F]{5,17}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,24}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{1,24})"
_MESSAGE_ID = re.compile(rf"{_QUEUE_ID}: (?:resent-)?message-id=(?P<id>.*)$")
_ACTIVE = re.compile(rf"{_QUEUE_ID}: from=<.*>, size=\d+, nrcpt=\d+ \(queue active\)$")
_EXPIRED = re.compile(rf"{_QUEUE_ID}: from=<.*>, status=(?:force-)?expired, returned to sender$")
_REMOVED = re.compile(rf"{_QUEUE_ID}: removed$")
_ATTEMPT = re.compile(rf"{_QUEUE_ID}: to=")
_STATUS = re.compile(r"(?P<status>sent|deferred|bounced)(?: \((?P<said>.*)\))?$")
_RELAY = re.compile(r"\brelay=(?P<relay>[^,]*),")
_DSN = re.compile(r"\bdsn=(?P<dsn>\d\.\d{1,3}\.\d{1,3})$")
_LOST_AFTER_THE_DOT = re.compile(
    r"(?:lost connection|timed out|conversation|connection) [^()]*while sending end of data"
    r"|message may be sent more than once",
    re.IGNORECASE,
)
LONGEST = 8_000
# Delivery agents that carry mail to other hosts; a report to ourselves leaves by lmtp or local.
CARRIERS = ("smtp", "error", "retry", "lmtp", "relay", "discard")


@dataclass(frozen=True)
class Named:
    """A message that came in has this Message-ID; nothing says yet that it was taken over."""

    queue_id: str
    message_id: str


@dataclass(frozen=True)
class Active:
    """The queue manager took it over: it is accepted, whatever SMTP said."""

    queue_id: str


class Status(StrEnum):
    """How a delivery attempt of the node ended."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Tried:
    """One attempt at the one recipient. `said` is the sentence in brackets."""

    queue_id: str
    status: Status
    dsn: str
    relay: str
    said: str

    @property
    def lost(self) -> bool:
        """The line was lost after the final dot: the receiver may have it."""
        return self.status is Status.DEFERRED and lost_after_the_dot(self.said)


@dataclass(frozen=True)
class Removed:
    """It is out of the queue; `pulled`: somebody took it out undelivered."""

    queue_id: str
    pulled: bool


Entry = Named | Active | Tried | Removed


def lost_after_the_dot(said: str) -> bool:
    """Whether a sentence of Postfix's says that nobody knows whether the receiver took the message."""
    return _LOST_AFTER_THE_DOT.search(said[:LONGEST]) is not None


def read(line: str) -> Entry | None:
    """What a line says; None where it says nothing about a message."""
    found = _LINE.match(line[:LONGEST].rstrip("\r\n"))
    return None if found is None else _entry(found["program"], found["text"])


def _entry(program: str, text: str) -> Entry | None:
    if program == "cleanup" and (found := _MESSAGE_ID.match(text)):
        return Named(found["qid"], found["id"].strip())
    if program == "qmgr" and (found := _ACTIVE.match(text)):
        return Active(found["qid"])
    if program == "qmgr" and (found := _EXPIRED.match(text)):
        return Tried(found["qid"], Status.EXPIRED, "", "none", "")
    if program in ("qmgr", "postsuper") and (found := _REMOVED.match(text)):
        return Removed(found["qid"], program == "postsuper")
    return _tried(text) if program in CARRIERS else None


def _tried(text: str) -> Tried | None:
    found = _ATTEMPT.match(text)
    facts, _, ending = text.partition(", status=")
    ended = _STATUS.match(ending)
    if found is None or ended is None:
        return None
    dsn, relay = _DSN.search(facts), _RELAY.search(facts)
    return Tried(
        found["qid"],
        Status(ended["status"]),
        dsn["dsn"] if dsn else "",
        relay["relay"].lower() if relay else "",
        (ended["said"] or "").replace("\0", " "),
    )
