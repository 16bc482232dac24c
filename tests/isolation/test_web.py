"""The public service takes in what arrives and suppresses who asks; it reads no person."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.isolation.ask import ask, owner, tables
from tests.isolation.world import World

READABLE = {"clock", "event_keys", "suppressions"}
SUPPRESS = """
    INSERT INTO mailfleet.suppressions (kind, tenant_id, person_hash, hash_key_id, domain, reason, since, expires_at, evidence,
                                        actor)
    VALUES (:kind, :tenant, 'x', 1, NULL, :reason, now(), :until, 'one click', 'the recipient')
"""


@pytest.fixture
def web(own_world: World) -> Engine:
    return own_world.ledger.engine("web")


def test_the_service_reads_three_tables_and_none_of_people(own_world: World, web: Engine) -> None:
    with owner(own_world.ledger).connect() as conn:
        seen = {
            table for table in tables(conn) if ask(web, f"SELECT count(*) FROM mailfleet.{table}") != "denied"
        }
    assert seen == READABLE
    assert ask(web, "SELECT count(*) FROM mailfleet.event_keys") == 0, (
        "the keys of node logs are not its business"
    )
    assert ask(web, "SELECT evidence FROM mailfleet.suppressions") == "denied"


def test_the_service_changes_nothing_that_is_there(own_world: World, web: Engine) -> None:
    with owner(own_world.ledger).connect() as conn:
        for table in tables(conn):
            assert ask(web, f"DELETE FROM mailfleet.{table}") == "denied", table


@pytest.mark.parametrize(("what", "values", "may"), [
    ("a person of one tenant", {}, True),
    ("a person of every tenant", {"tenant": None}, False),
    ("a person for another reason", {"reason": "operator"}, False),
    ("a person for a while", {"until": "2030-01-01"}, False),
])  # fmt: skip
def test_the_service_suppresses(web: Engine, what: str, values: dict[str, object], may: bool) -> None:
    asked = {"kind": "address", "tenant": 1, "reason": "unsubscribe", "until": None} | values
    if asked["until"]:
        asked["reason"] = "hard"
    assert (ask(web, SUPPRESS, asked) == 1) is may, what


def test_the_service_takes_in_one_clicks_only(web: Engine) -> None:
    arrive = "INSERT INTO mailfleet.inbox (source, place, body, received_at) VALUES (:source, 'go.example', 'x', now())"
    assert ask(web, arrive, {"source": "one_click"}) == 1
    assert ask(web, arrive, {"source": "maildir"}) == "denied"
    key = "INSERT INTO mailfleet.event_keys (source, natural_key) VALUES (:source, 'x')"
    assert ask(web, key, {"source": "one_click"}) == 1
    assert ask(web, key, {"source": "node_log"}) == "denied"
