"""Legal basis or no mail (law 5): consent is the default everywhere, one table names the exceptions.

What is unknown counts as the strictest; a telephone number or a top domain can only make it stricter.
Not legal advice: every row names where it was read and when.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mailfleet.policy.countries import UNKNOWN, of_domain, of_phone


class Who(StrEnum):
    """Whose address it is. A person's, where we cannot tell."""

    PERSON = "person"
    COMPANY = "company"


@dataclass(frozen=True)
class Exemption:
    """Where somebody may be written to without having asked for it."""

    country: str
    who: Who
    basis: str
    source: str
    checked: date


CHECKED = date(2026, 11, 22)
CONSENT = "consent"

EXCEPTIONS: tuple[Exemption, ...] = (
    Exemption(
        "US",
        Who.PERSON,
        "opt_out",
        "CAN-SPAM Act, 15 U.S.C. 7704: postal address and working opt-out",
        CHECKED,
    ),
    Exemption("US", Who.COMPANY, "opt_out", "CAN-SPAM Act, 15 U.S.C. 7704: companies included", CHECKED),
    Exemption("GB", Who.COMPANY, "legitimate_interest", "PECR 2003 reg. 22: corporate subscribers", CHECKED),
)
# Named because files claim the contrary: here only consent counts, for companies as well.
CONSENT_ONLY = {
    "RU": "38-FZ art. 18: prior consent, burden of proof on the sender, no exemption for companies",
    "DE": "UWG § 7: consent, also between companies",
}
_BY_KEY = {(row.country, row.who): row for row in EXCEPTIONS}


@dataclass(frozen=True)
class Claim:
    """What a row says of the right to write to somebody."""

    country: str  # ISO 3166-1, or UNKNOWN
    phone: str
    domain: str
    company: str
    consent_source: str
    consented_on: date | None
    found_at: str  # where the address is from, where no consent is claimed
    found_on: date | None


@dataclass(frozen=True)
class Basis:
    """Why we may write, with its evidence, and the jurisdiction it was judged by."""

    basis: str
    source: str
    since: date
    country: str


def jurisdictions(claim: Claim, shared_domains: Collection[str]) -> tuple[str, ...]:
    """Every country whose law may bind us, the one the row names first.

    A domain at which people of all countries have addresses tells nothing.
    """
    hints = () if claim.domain in shared_domains else of_domain(claim.domain)
    phones = of_phone(claim.phone)
    more = [code for codes in (hints, phones) if claim.country not in codes for code in codes]
    return (claim.country, *dict.fromkeys(more))


def held_here(codes: Collection[str], regions: Collection[str]) -> bool:
    """Whether this installation may hold data of somebody who may be in any of these countries."""
    return all(code in regions for code in codes)


def basis(
    claim: Claim, codes: Sequence[str], *, today: date, shared_domains: Collection[str]
) -> Basis | None:
    """Why we may write to this person whose jurisdictions are `codes`, or None: then only a hash of the row is kept."""
    strictest = codes[0] if len(codes) == 1 else min(codes, key=_leeway)
    if claim.consent_source and _past(claim.consented_on, today):
        return Basis(CONSENT, claim.consent_source, claim.consented_on or today, strictest)
    who = Who.COMPANY if claim.company and claim.domain not in shared_domains else Who.PERSON
    rows = [_BY_KEY.get((code, who)) for code in codes]
    if not claim.found_at or not _past(claim.found_on, today) or not all(rows):
        return None
    allowed = _BY_KEY[strictest, who]
    return Basis(allowed.basis, claim.found_at, claim.found_on or today, strictest)


def _past(day: date | None, today: date) -> bool:
    return day is not None and date(1990, 1, 1) <= day <= today


def _leeway(code: str) -> tuple[int, bool, bool]:
    """How much a jurisdiction allows without consent; the least first, and of equals the one the row names."""
    rows = sum((code, who) in _BY_KEY for who in Who)
    return rows, code not in CONSENT_ONLY, code != UNKNOWN
