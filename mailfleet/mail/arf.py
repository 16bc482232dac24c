"""Feedback reports (RFC 5965): somebody pressed the spam button, or took it back."""

from __future__ import annotations

from dataclasses import dataclass

from mailfleet.mail import letter
from mailfleet.mail.dsn import returned
from mailfleet.mail.letter import Fields, Letter

COMPLAINTS = frozenset({"abuse", "fraud", "virus", "other"})
OPT_OUTS = frozenset({"opt-out", "opt-out-list"})


@dataclass(frozen=True)
class Report:
    """One report. The reporter may hide everything but the kind; our own ids in the returned head say whose it is."""

    kind: str
    mail_from: str
    returned: Fields

    @property
    def complaint(self) -> bool:
        """`not-spam` and `auth-failure` are none."""
        return self.kind in COMPLAINTS

    @property
    def opt_out(self) -> bool:
        """The person wants no more mail, and asked the provider to say so."""
        return self.kind in OPT_OUTS


def read(mail: Letter) -> Report | None:
    """The first report in a mail; None where it holds none."""
    blocks = next(
        (part.blocks for part in mail.parts if part.kind == "message/feedback-report" and part.blocks), None
    )
    if blocks is None:
        return None
    fields = tuple(field for block in blocks for field in block)
    kind = next(iter(letter.values(fields, "feedback-type")), "")
    return Report(
        kind.strip().lower(), next(iter(letter.values(fields, "original-mail-from")), ""), returned(mail)
    )
