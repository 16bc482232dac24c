"""Delivery status notifications (RFC 3464): what became of each recipient, and the message they are about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailfleet.mail import letter, smtp_reply
from mailfleet.mail.letter import Fields, Letter
from mailfleet.policy.outcome import Reply

STATUS = ("message/delivery-status", "message/global-delivery-status")
RETURNED = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/global-headers",
    "message/rfc822-headers",
)
_ADDRESS = re.compile(r"<?([^\s<>;]+@[^\s<>;]+?)>?$")
_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})")


@dataclass(frozen=True)
class Recipient:
    """One recipient's block. Addresses are small letters, '' where hidden or missing."""

    original: str
    final: str
    action: str
    status: str
    diagnostic: str
    remote: str

    @property
    def failed(self) -> bool:
        """Only `failed` is a failure; `delayed`, `relayed`, `expanded` and `delivered` are none."""
        return self.action == "failed"

    @property
    def reply(self) -> Reply:
        """What the remote host said, with the report's own status where it said none."""
        said = smtp_reply.read(self.diagnostic)
        enhanced = said.enhanced or self.status
        return Reply(said.code or _code(enhanced), enhanced, said.text)


@dataclass(frozen=True)
class Dsn:
    """A whole report."""

    recipients: tuple[Recipient, ...]
    queue_id: str  # Postfix's, of the message it is about
    reporting: str
    returned: Fields  # the head of the message it is about

    @property
    def worst(self) -> Recipient | None:
        """The recipient that decides: our messages have one, so it is the first that failed, else the first."""
        failed = (one for one in self.recipients if one.failed)
        return next(failed, None) or next(iter(self.recipients), None)


def read(mail: Letter) -> Dsn | None:
    """The report in a mail; None where it is none."""
    blocks = next((part.blocks for part in mail.parts if part.kind in STATUS and part.blocks), None)
    if blocks is None:
        return None
    recipients = tuple(_recipient(block) for block in blocks if _is_recipient(block))
    if not recipients:
        return None
    return Dsn(
        recipients,
        _first(blocks[0], "x-postfix-queue-id"),
        _typed(_first(blocks[0], "reporting-mta")),
        returned(mail),
    )


def returned(mail: Letter) -> Fields:
    """The head of the message that a report gives back; nothing where it gives none."""
    heads = (part.blocks[0] for part in mail.parts if part.kind in RETURNED and part.blocks)
    return next(heads, ())


def _is_recipient(block: Fields) -> bool:
    names = {name for name, _ in block}
    return bool(names & {"final-recipient", "original-recipient", "action"})


def _recipient(block: Fields) -> Recipient:
    status = _STATUS.search(_first(block, "status"))
    return Recipient(
        original=_address(_first(block, "original-recipient")),
        final=_address(_first(block, "final-recipient")),
        action=_first(block, "action").split("(")[0].strip().lower(),
        status=status[0] if status else "",
        diagnostic=_typed(_first(block, "diagnostic-code")),
        remote=_typed(_first(block, "remote-mta")).lower(),
    )


def _first(block: Fields, name: str) -> str:
    return next(iter(letter.values(block, name)), "")


def _typed(value: str) -> str:
    """What stands after the type: `smtp; 550 …` says `550 …`."""
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and " " not in kind.strip() else value.strip()


def _address(value: str) -> str:
    found = _ADDRESS.search(_typed(value))
    return found[1].lower() if found else ""


def _code(status: str) -> int:
    """A reply's code where only a status is known: its class."""
    return {"2": 250, "4": 450, "5": 550}.get(status[:1], 0)
