"""The audit is a chain: whatever is changed, cut out or put in is found."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from db import audit
from db.engine import plain_engine, transaction
from tests.conftest import Ledger

DETAILS: list[dict[str, Any]] = [
    {},
    {"name": "Вектор «Медиа»", "was": None},
    {"limit": 1e22, "share": 0.1, "z": 1, "a": [1, {"b": True}]},
]


@pytest.fixture
def three_acts(ledger: Ledger) -> Ledger:
    for number, details in enumerate(DETAILS, start=1):
        with transaction(ledger.engine()) as conn:
            assert (
                audit.append(
                    conn, actor="anna", act="tenant added", subject=f"tenant {number}", details=details
                )
                == number
            )
    return ledger


def test_a_chain_that_nobody_touched_holds(three_acts: Ledger) -> None:
    with transaction(three_acts.engine()) as conn:
        assert audit.verify(conn) is None
        assert [act.details for act in audit.acts(conn, subject=None, limit=9)] == DETAILS[::-1]
        assert [act.seq for act in audit.acts(conn, subject="tenant 2", limit=9)] == [2]


def test_the_empty_chain_holds(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        assert audit.verify(conn) is None
        assert audit.head(conn) is None


@pytest.mark.parametrize(("harm", "found"), [
    ("UPDATE mailfleet.audit SET actor = 'boris' WHERE seq = 2", (2, "it was changed")),
    ("UPDATE mailfleet.audit SET details = '{\"a\": 2}' WHERE seq = 3", (3, "it was changed")),
    ("UPDATE mailfleet.audit SET at = at + interval '1 microsecond' WHERE seq = 1", (1, "it was changed")),
    ("DELETE FROM mailfleet.audit WHERE seq = 2", (3, "acts before it are missing")),
    ("DELETE FROM mailfleet.audit WHERE seq = 1", (2, "acts before it are missing")),
    ("UPDATE mailfleet.audit SET hash = sha256('x') WHERE seq = 2", (2, "it was changed")),
    ("UPDATE mailfleet.audit SET previous = sha256('x') WHERE seq = 3", (3, "the act before it was changed")),
])  # fmt: skip
def test_the_first_broken_act_is_named(three_acts: Ledger, harm: str, found: tuple[int, str]) -> None:
    with plain_engine(three_acts.url("owner")).begin() as owner:
        owner.execute(text(harm))
    with transaction(three_acts.engine()) as conn:
        assert audit.verify(conn) == audit.Broken(*found)


def test_a_cut_tail_is_seen_by_a_head_that_was_kept(three_acts: Ledger) -> None:
    with transaction(three_acts.engine()) as conn:
        kept = audit.head(conn)
        assert kept is not None
        assert audit.holds(conn, kept)
    with plain_engine(three_acts.url("owner")).begin() as owner:
        owner.execute(text("DELETE FROM mailfleet.audit WHERE seq = 3"))
    with transaction(three_acts.engine()) as conn:
        assert audit.verify(conn) is None
        assert not audit.holds(conn, kept)
