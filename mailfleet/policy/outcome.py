"""A try ends in one of four ways, and whoever tries must match all four (law 1).

Accepted   it is theirs now                Refused   not ever; `about` says whom the refusal blames
Deferred   not now: 4xx, no connection     Unknown   the line was lost after the body: it may have left
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class About(StrEnum):
    """Whom a refusal blames. Only RECIPIENT may suppress a person (law 6)."""

    RECIPIENT = "recipient"
    MAILBOX = "mailbox"
    DOMAIN = "domain"
    EGRESS = "egress"
    CONTENT = "content"
    TENANT = "tenant"
    OURS = "ours"


class Verdict(StrEnum):
    """What a final answer says of a message: what the breakers count."""

    ACCEPTED = "accepted"
    HARD = "hard"  # the address does not and will not work
    INACTIVE = "inactive"  # disabled, or refuses this sender: reversible
    FULL = "full"
    SOFT = "soft"
    BLOCK = "block"  # reputation or policy: never the recipient's fault
    AUTH = "auth"
    CONTENT = "content"
    OURS = "ours"


@dataclass(frozen=True)
class Reply:
    """What the other side said: `code` 0 where it said nothing, `enhanced` '' where it gave none (RFC 3463)."""

    code: int
    enhanced: str
    text: str


@dataclass(frozen=True)
class Accepted:
    """It is theirs now; `ref` is their own reference (a queue id), '' where they gave none."""

    ref: str
    reply: Reply


@dataclass(frozen=True)
class Deferred:
    """Not now. Nothing was taken over, so it may be tried again after `retry_after`, if they said so."""

    reply: Reply
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class Refused:
    """Not ever, as it is."""

    reply: Reply
    about: About
    verdict: Verdict


@dataclass(frozen=True)
class Unknown:
    """The line was lost after the body had left: settled by evidence only, never sent again by guess (law 3)."""

    cause: str


Outcome = Accepted | Deferred | Refused | Unknown
