"""What a database refuses is said without the values that it refused."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db.engine import transaction
from tests.conftest import Ledger


def test_an_error_names_the_constraint_and_nobody(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError) as refused, transaction(ledger.engine()) as conn:
        conn.execute(
            text("INSERT INTO mailfleet.outbox (event, resource, payload) VALUES (:event, 'r', '{}')"),
            {"event": "anna@secret.example"},
        )
    assert "outbox_event_check" in str(refused.value)
    assert "anna" not in str(refused.value)
    assert "anna" not in repr(refused.value.orig)
