from __future__ import annotations

from pathlib import Path

import pytest

from mailfleet.acts.lead_columns import NAMES
from mailfleet.policy.admission import OF_THE_LEDGER, REFUSALS
from mailfleet.policy.consent import EXCEPTIONS

DOCS = (Path(__file__).parents[2] / "docs" / "leads.md").read_text()


def test_reasons_are_documented_in_their_order() -> None:
    reasons = [*(reason for reason, _ in REFUSALS), *OF_THE_LEDGER]
    table = DOCS.partition("## Why a row is refused")[2]
    places = [table.index(f"`{reason}`") for reason in reasons]
    assert places == sorted(places)


@pytest.mark.parametrize("field", NAMES)
def test_every_column_is_documented(field: str) -> None:
    assert ("address" if field == "address" else field.replace("_", " ")) in DOCS


def test_every_exception_from_consent_is_documented() -> None:
    assert {row.country for row in EXCEPTIONS} == {"US", "GB"}
    assert "United States" in DOCS
    assert "United Kingdom" in DOCS
