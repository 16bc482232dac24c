"""Whether a row of a lead file may become a lead: one table of reasons, the first that holds is the answer.

The order is fixed: what the row itself says, then what the law says, then what the DNS says. Whether
somebody is suppressed or stands in the file already is asked last, of the ledger (db/imports).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from mailfleet.policy.address import Parsed, is_disposable, is_role, likely_typo
from mailfleet.policy.consent import Basis

# Control characters and line ends of all kinds, and marks that turn the direction of a text.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069]")
LONGEST = 300  # characters of a cell that we use: no name is longer


@dataclass(frozen=True)
class Candidate:
    """All that is known of one row when it is judged."""

    fields: tuple[str, ...]  # every cell that would be used
    written: str  # the address as it stands in the row
    whole: bool  # the row has not more cells than the header
    address: Parsed | None
    held_here: bool
    basis: Basis | None
    mail: str  # what the DNS says: a word of probes.dns.Mail


Rule = Callable[[Candidate], bool]

REFUSALS: tuple[tuple[str, Rule], ...] = (
    ("no_address", lambda row: not row.written),
    ("control_characters", lambda row: CONTROL.search("".join(row.fields)) is not None),
    ("bad_syntax", lambda row: row.address is None or not row.whole or max(map(len, row.fields)) > LONGEST),
    ("disposable", lambda row: row.address is not None and is_disposable(row.address.domain)),
    ("region", lambda row: not row.held_here),
    ("no_basis", lambda row: row.basis is None),
    ("null_mx", lambda row: row.mail == "null_mx"),
    ("no_mx", lambda row: row.mail == "no_mx"),
)
OF_THE_LEDGER = ("suppressed", "duplicate")


def refusal(row: Candidate) -> str | None:
    """Why this row is refused, or None."""
    return next((reason for reason, holds in REFUSALS if holds(row)), None)


def flags(address: Parsed, mail: str, known: frozenset[str]) -> tuple[str, ...]:
    """What is doubtful about an address that is accepted all the same."""
    found = (
        ("role", is_role(address.address)),
        ("typo", likely_typo(address.domain, known) is not None),
        ("dns_unknown", mail == "unknown"),
    )
    return tuple(flag for flag, holds in found if holds)


_DATES = (
    re.compile(r"(?P<y>\d{4})[-./](?P<m>\d{1,2})[-./](?P<d>\d{1,2})(?:[T ].*)?"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?:[ ,].*)?"),
)


def day(text: str) -> date | None:
    """The day that a cell names, year first or day.month.year; 03/04/2026 names none: nobody knows which."""
    for shape in _DATES:
        if found := shape.fullmatch(text.strip()):
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                return None
    return None
