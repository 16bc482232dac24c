from __future__ import annotations

from datetime import date

import pytest

from mailfleet.policy.admission import day
from mailfleet.policy.consent import CHECKED, CONSENT_ONLY, EXCEPTIONS, Claim, basis, held_here, jurisdictions
from mailfleet.policy.countries import country

TODAY, SHARED = date(2027, 3, 1), {"mail.ru", "gmail.com"}
CONSENT = ("fair form", date(2026, 5, 1), "", None)
FOUND = ("", None, "trade register", date(2026, 5, 1))


def claim(
    code: str, evidence: tuple, *, phone: str = "", domain: str = "quill.example", company: str = "Quill"
) -> Claim:
    return Claim(code, phone, domain, company, *evidence)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (claim("DE", CONSENT), ("consent", "DE")),
        (claim("ZZ", CONSENT), ("consent", "ZZ")),
        (claim("DE", FOUND), None),  # UWG: also between companies
        (claim("RU", FOUND), None),
        (claim("FR", FOUND), None),
        (claim("ZZ", FOUND), None),  # unknown is strictest
        (claim("US", FOUND), ("opt_out", "US")),
        (claim("US", FOUND, company=""), ("opt_out", "US")),
        (claim("GB", FOUND), ("legitimate_interest", "GB")),
        (claim("GB", FOUND, company=""), None),  # an individual subscriber
        (claim("GB", FOUND, domain="gmail.com"), None),  # cannot tell: a person
        (claim("US", FOUND, phone="+49 30 123"), None),  # may be in Germany
        (claim("US", FOUND, domain="quill.de"), None),
        (claim("US", FOUND, domain="mail.ru"), ("opt_out", "US")),  # people of all countries are there
        (claim("US", FOUND, phone="+1 555 0100"), ("opt_out", "US")),
        (claim("DE", FOUND, phone="+1 555 0100", domain="quill.us"), None),  # only ever stricter
        (claim("US", CONSENT, phone="+7 495 000"), ("consent", "RU")),
        (claim("US", ("", None, "", None)), None),
        (claim("US", ("", None, "list", date(2028, 1, 1))), None),
        (claim("DE", ("fair", None, "list", date(2026, 1, 1))), None),
        (claim("DE", ("fair", date(1970, 1, 1), "", None)), None),
    ],
)
def test_consent_is_the_default_and_hints_only_make_it_stricter(asked: Claim, expected: tuple | None) -> None:
    found = basis(asked, jurisdictions(asked, SHARED), today=TODAY, shared_domains=SHARED)
    assert (found and (found.basis, found.country)) == expected


def test_data_of_somebody_who_may_be_elsewhere_is_not_held() -> None:
    regions = {"DE", "US", "KZ"}
    assert held_here(
        jurisdictions(claim("KZ", CONSENT, phone="+7 727 123", domain="mail.ru"), SHARED), regions
    )
    assert not held_here(jurisdictions(claim("KZ", CONSENT, phone="+7 495 123"), SHARED), regions)
    assert not held_here(jurisdictions(claim("ZZ", CONSENT), SHARED), regions)
    assert not held_here(
        jurisdictions(claim("US", CONSENT, phone="+1 555 0100", domain="quill.ru"), SHARED), regions
    )


def test_every_exception_names_its_source_and_when_it_was_read() -> None:
    assert {row.checked for row in EXCEPTIONS} == {CHECKED}
    assert all(row.source for row in EXCEPTIONS)
    assert not {row.country for row in EXCEPTIONS} & set(CONSENT_ONLY)


@pytest.mark.parametrize(
    ("text", "code"),
    [("de", "DE"), ("Германия", "DE"), (" United  Kingdom ", "GB"), ("UK", "GB"), ("РФ", "RU"), ("Қазақстан", "KZ"), ("рк", "KZ"),
     ("BR", "BR"), ("TO", "TO"), ("Narnia", "ZZ"), ("", "ZZ"), ("XX", "ZZ")],
)  # fmt: skip
def test_countries_are_read_by_code_and_by_name(text: str, code: str) -> None:
    assert country(text).code == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026-01-20", date(2026, 1, 20)), ("20.01.2026", date(2026, 1, 20)), ("2026/1/2", date(2026, 1, 2)),
     ("2026-01-20T10:00:00Z", date(2026, 1, 20)), ("20.01.2026 10:00", date(2026, 1, 20)),
     ("03/04/2026", None), ("31.02.2026", None), ("yesterday", None), ("", None)],
)  # fmt: skip
def test_a_date_that_can_be_read_two_ways_is_none(text: str, expected: date | None) -> None:
    assert day(text) == expected
