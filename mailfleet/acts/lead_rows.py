"""Judges the rows of a lead file: each is a lead to be, or a line with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from zoneinfo import available_timezones

import pandas as pd

from db.imports import RefusedRow, Staged
from mailfleet.acts.lead_columns import FIELDS
from mailfleet.mail.ids import keyed_hash
from mailfleet.policy.address import BLANKS, Invalid, Parsed, parse, person
from mailfleet.policy.admission import Candidate, day, flags, refusal
from mailfleet.policy.consent import Basis, Claim, basis, held_here, jurisdictions
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

    @cached_property
    def key(self) -> bytes:
        """What new hashes are made with."""
        return self.hashes.current[1]

    @cached_property
    def older_keys(self) -> tuple[bytes, ...]:
        """Keys that are only read any more."""
        newest = self.hashes.current[0]
        return tuple(key for number, key in sorted(self.hashes.keys.items()) if number != newest)


class NoDirection(Exception):
    """A row belongs to no direction of this tenant; `line` says which."""

    def __init__(self, line: int, named: str) -> None:
        super().__init__(named)
        self.line = line
        self.named = named


class _Judged(NamedTuple):
    """One row with all that was found out; a reason, or a basis."""

    row: Any
    address: Parsed | Invalid
    country: Country
    basis: Basis | None
    exchange: Exchange
    reason: str | None


def judged(
    frame: pd.DataFrame, terms: Terms, exchanges: Mapping[str, Exchange]
) -> Iterator[Staged | RefusedRow]:
    """Each row of a frame, in order. Raises NoDirection for a row that could be a lead but belongs nowhere."""
    for row in _clean(frame):
        yield _ended(_judged(row, terms, exchanges), terms)


def domains(frame: pd.DataFrame, terms: Terms) -> set[str]:
    """The domains of rows that nothing but the DNS could refuse. Raises NoDirection."""
    found = set()
    for row in _clean(frame):
        one = _judged(row, terms, {})
        if one.reason is None and isinstance(one.address, Parsed):
            _direction(row, terms)
            found.add(one.address.domain)
    return found


def _clean(frame: pd.DataFrame) -> Iterator[Any]:
    return frame.assign(**{field: frame[field].str.strip(BLANKS) for field in FIELDS}).itertuples(name="Row")


def _judged(row: Any, terms: Terms, exchanges: Mapping[str, Exchange]) -> _Judged:
    address = parse(row.address)
    parsed = address if isinstance(address, Parsed) else None
    place = country(row.country)
    claim = Claim(
        place.code, row.phone, parsed.domain if parsed else "", row.company,
        row.consent_source, day(row.consent_date), row.found_at, day(row.found_on),
    )  # fmt: skip
    codes = jurisdictions(claim, terms.well_known)
    why = basis(claim, codes, today=terms.today, shared_domains=terms.well_known)
    exchange = exchanges.get(claim.domain, NOT_ASKED)
    candidate = Candidate(
        row[1 : len(FIELDS) + 1],
        row.address,
        row.whole,
        parsed,
        held_here(codes, terms.regions),
        why,
        exchange.mail,
    )
    return _Judged(row, address, place, why, exchange, refusal(candidate))


def _ended(one: _Judged, terms: Terms) -> Staged | RefusedRow:
    if one.reason is None and isinstance(one.address, Parsed) and one.basis is not None:
        return _staged(one, one.address, one.basis, terms)
    text = one.address.address if isinstance(one.address, Parsed) else one.address.plain
    return RefusedRow(one.row.Index, one.reason or "no_basis", keyed_hash(terms.key, text) if text else None)


def _staged(one: _Judged, address: Parsed, why: Basis, terms: Terms) -> Staged:
    row, somebody, exchange = one.row, person(address.address), one.exchange
    return Staged(
        line=row.Index, direction_id=_direction(row, terms),
        person_hash=keyed_hash(terms.key, somebody), address_hash=keyed_hash(terms.key, address.address),
        older_hashes=[keyed_hash(key, somebody) for key in terms.older_keys],
        address=address.address, domain=address.domain,
        receiver=receiver(exchange.hosts) if exchange.hosts else OTHER,
        flags=list(flags(address, exchange.mail, terms.well_known)),
        given_name=row.given_name, family_name=row.family_name, company=row.company, country=why.country,
        language=_language(row.language) or one.country.language, time_zone=_zone(row.time_zone) or one.country.zone,
        basis=why.basis, basis_source=why.source, basis_at=why.since,
    )  # fmt: skip


def hashes(row: Staged, terms: Terms) -> list[bytes]:
    """Person and address under every key that is kept."""
    older = [keyed_hash(key, row.address) for key in terms.older_keys]
    return [row.person_hash, row.address_hash, *row.older_hashes, *older]


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
