"""Judges the rows of a lead file: each is a lead to be, or a line with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

import pandas as pd

from db.imports import RefusedRow, Staged
from mailfleet.acts.lead_columns import FIELDS
from mailfleet.mail.ids import keyed_hash
from mailfleet.policy.address import BLANKS, Invalid, Parsed, parse, person
from mailfleet.policy.admission import Candidate, day, flags, refusal
from mailfleet.policy.consent import Basis, Claim, basis, countries, held_here
from mailfleet.policy.countries import Country, country
from mailfleet.policy.receiver import OTHER, receiver
from mailfleet.probes.dns import NOT_ASKED, Exchange
from mailfleet.settings.keys import Keyring


@dataclass(frozen=True)
class Terms:
    """Under which rows are judged: the same for a whole file."""

    today: date
    regions: frozenset[str]
    well_known: frozenset[str]
    directions: Mapping[str, int]  # by slug and by name
    direction: int | None  # of rows that name none
    hashes: Keyring


class NoDirection(Exception):
    """A row belongs to no direction of this tenant; `line` says which."""

    def __init__(self, line: int, named: str) -> None:
        super().__init__(named)
        self.line = line
        self.named = named


@dataclass(frozen=True)
class _Read:
    """One row, read but not yet judged."""

    row: Any
    address: Parsed | Invalid
    country: Country
    claim: Claim


def judged(frame: pd.DataFrame, terms: Terms, exchanges: Mapping[str, Exchange]) -> Iterator[Staged | RefusedRow]:
    """Each row of a frame, in order. Raises NoDirection for a row that could be a lead but belongs nowhere."""
    for row in _clean(frame).itertuples(name="Row"):
        yield _judged(_read(row), terms, exchanges)


def _clean(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{field: frame[field].str.strip(BLANKS) for field in FIELDS})


def _read(row: Any) -> _Read:
    address = parse(row.address)
    domain = address.domain if isinstance(address, Parsed) else ""
    place = country(row.country)
    claim = Claim(
        place.code, row.phone, domain, row.company, row.consent_source, day(row.consent_date), row.found_at, day(row.found_on)
    )  # fmt: skip
    return _Read(row, address, place, claim)


def _judged(read: _Read, terms: Terms, exchanges: Mapping[str, Exchange]) -> Staged | RefusedRow:
    exchange = exchanges.get(read.claim.domain, NOT_ASKED)
    why = basis(read.claim, today=terms.today, shared_domains=terms.well_known)
    address = read.address if isinstance(read.address, Parsed) else None
    reason = refusal(_candidate(read, address, why, exchange, terms))
    if reason is None and address is not None and why is not None:
        return _staged(read, address, why, exchange, terms)
    return RefusedRow(read.row.Index, reason or "bad_syntax", _hash_of_refused(read.address, terms.hashes))


def _candidate(read: _Read, address: Parsed | None, why: Basis | None, exchange: Exchange, terms: Terms) -> Candidate:
    codes = countries(read.claim, terms.well_known)
    used = tuple(getattr(read.row, field) for field in FIELDS)
    return Candidate(
        used, read.row.address, read.row.whole, address, held_here(codes, terms.regions), why, exchange.mail
    )


def _hash_of_refused(address: Parsed | Invalid, hashes: Keyring) -> bytes | None:
    text = address.address if isinstance(address, Parsed) else address.plain
    return keyed_hash(hashes.current[1], text) if text else None


def _staged(read: _Read, address: Parsed, why: Basis, exchange: Exchange, terms: Terms) -> Staged:
    row, newest = read.row, terms.hashes.current[1]
    somebody = person(address.address)
    return Staged(
        line=row.Index, direction_id=_direction(row, terms),
        person_hash=keyed_hash(newest, somebody), address_hash=keyed_hash(newest, address.address),
        older_hashes=[keyed_hash(key, somebody) for key in older_keys(terms.hashes)],
        address=address.address, domain=address.domain,
        receiver=receiver(exchange.hosts) if exchange.hosts else OTHER,
        flags=list(flags(address, exchange.mail, terms.well_known)),
        given_name=row.given_name, family_name=row.family_name, company=row.company, country=why.country,
        language=_language(row.language) or read.country.language, time_zone=_zone(row.time_zone) or read.country.zone,
        basis=why.basis, basis_source=why.source, basis_at=why.since,
    )  # fmt: skip


def older_keys(hashes: Keyring) -> list[bytes]:
    """The keys that are only read any more."""
    newest = hashes.current[0]
    return [key for number, key in sorted(hashes.keys.items()) if number != newest]


def _direction(row: Any, terms: Terms) -> int:
    named = terms.directions.get(row.direction.casefold()) if row.direction else terms.direction
    if named is None:
        raise NoDirection(row.Index, row.direction)
    return named


def _language(text: str) -> str:
    """`de`, `de-AT` and `DE` are de; anything longer is no code."""
    code = text.replace("_", "-").partition("-")[0].lower()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else ""


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(text: str) -> str:
    return text if text in _zones() else ""
