"""Whoever is suppressed by a hash of one key is suppressed under every kept key."""

from __future__ import annotations

import pytest

from db import clock
from db.engine import transaction
from mailfleet.acts import one_click
from mailfleet.acts.consequences import after_outcomes
from mailfleet.acts.keys import Keys
from mailfleet.acts.suppress_everywhere import spread
from mailfleet.acts.take_feedback import drain
from mailfleet.mail.ids import keyed_hash, read_token
from mailfleet.policy.address import person
from mailfleet.policy.outcome import Verdict
from mailfleet.settings.keys import Keyring
from tests.feedback.given import KEYS, World, arf, reply

NEW = b"i" * 32
TWO_KEYS = Keys(KEYS.seal, KEYS.tokens, Keyring({1: b"h" * 32, 2: NEW}))
ANNA = "anna@person.example"


def taken_in_after_the_rotation(world: World, tenant: str, state: str = "planned") -> int:
    """A message of `tenant` to the same person, hashed with the second key."""
    number = world.message(state=state, tenant=tenant)
    hashes = {"p": keyed_hash(NEW, person(ANNA)), "a": keyed_hash(NEW, ANNA), "t": world.ids[tenant]}
    world.run("UPDATE messages SET person_hash = :p, address_hash = :a WHERE tenant_id = :t", **hashes)
    world.run(
        "UPDATE leads SET person_hash = :p, address_hash = :a, hash_key_id = 2 WHERE tenant_id = :t", **hashes
    )
    world.run("UPDATE enrolments SET person_hash = :p WHERE tenant_id = :t", **hashes)
    return number


def by_key(world: World) -> list[tuple[object, ...]]:
    return world.run("SELECT hash_key_id, tenant_id, reason FROM suppressions ORDER BY 1")


def test_a_complaint_stops_what_another_tenant_planned_after_a_rotation(world):
    number, other = world.message(), taken_in_after_the_rotation(world, "zeta")
    world.arrive("maildir", arf(world.verp(number)))
    for _ in range(2):
        drain(world.engine, TWO_KEYS)
        assert by_key(world) == [(1, None, "complaint"), (2, None, "complaint")]
    assert (world.state(other), world.enrolment(tenant="zeta")) == ("dropped", "suppressed")
    assert (
        world.one("SELECT reason FROM messages WHERE message_id = :id", id=other) == "suppressed: complaint"
    )


def test_a_complaint_on_a_claimed_message_is_known_under_every_key_at_once(world):
    number, other = world.message(state="claimed"), taken_in_after_the_rotation(world, "zeta")
    world.arrive("maildir", arf(world.verp(number)))
    drain(world.engine, TWO_KEYS)
    assert (by_key(world), world.state(other)) == (
        [(1, None, "complaint"), (2, None, "complaint")],
        "dropped",
    )


def test_who_asks_one_tenant_to_stop_is_suppressed_under_every_key_for_that_tenant_only(world):
    number, other = world.message(), taken_in_after_the_rotation(world, "zeta")
    world.arrive("maildir", reply(world.message_id(number), "Please stop writing to me."))
    drain(world.engine, TWO_KEYS)
    acme = world.ids["acme"]
    assert by_key(world) == [(1, acme, "unsubscribe"), (2, acme, "unsubscribe")]
    assert (world.state(other), world.enrolment(tenant="zeta")) == ("planned", "active")


@pytest.mark.parametrize("last", ["drain", "house"])
def test_what_a_node_suppressed_is_known_under_every_key_afterwards(world, last):
    number, other = world.message(), taken_in_after_the_rotation(world, "zeta")
    with world.ledger.engine("node-1").begin() as conn:
        after_outcomes(conn, [world.judged(number, Verdict.HARD)], now=clock.now(conn))
    assert by_key(world) == [(0, None, "hard")]
    if last == "drain":
        drain(world.engine, TWO_KEYS)
        assert (world.state(other), world.enrolment(tenant="zeta")) == ("dropped", "bounced")
    else:
        assert (spread(world.engine, TWO_KEYS), spread(world.engine, TWO_KEYS)) == (1, 0)
    assert by_key(world) == [(1, None, "hard"), (2, None, "hard")]
    assert world.run("SELECT evidence FROM suppressions GROUP BY 1") == [
        ("a final answer of the recipient's host",)
    ]


def test_a_click_is_known_under_every_key_afterwards(world):
    number = world.message()
    text = world.token(number)
    token = read_token(KEYS.tokens.keys, text)
    assert one_click.unsubscribe(
        world.ledger.engine("web"), token, text=text, body=b"", host="go.acme.example"
    )
    drain(world.engine, TWO_KEYS)
    acme = world.ids["acme"]
    assert by_key(world) == [(1, acme, "unsubscribe"), (2, acme, "unsubscribe")]


def test_a_rotation_reaches_what_was_suppressed_before_it(world):
    number, other = world.message(), taken_in_after_the_rotation(world, "zeta")
    world.mail(arf(world.verp(number)))
    assert (by_key(world), world.state(other)) == ([(0, None, "complaint")], "planned")
    drain(world.engine, TWO_KEYS)
    assert (by_key(world), world.state(other)) == (
        [(1, None, "complaint"), (2, None, "complaint")],
        "dropped",
    )


def test_with_one_key_nothing_is_looked_for(world):
    number = world.message()
    world.mail(arf(world.verp(number)))
    assert (spread(world.engine, KEYS), by_key(world)) == (0, [(0, None, "complaint")])


def test_of_whom_no_tenant_has_a_lead_any_more_nothing_more_can_be_known(world):
    number = world.message()
    world.arrive("maildir", arf(world.verp(number)))
    for table in ("messages", "enrolments", "leads"):
        world.run(f"DELETE FROM {table}")
    drain(world.engine, TWO_KEYS)
    assert by_key(world) == [(0, None, "complaint")]


def test_what_is_spread_leaves_a_lapsed_one_alone(world):
    number = world.message()
    with transaction(world.engine) as conn:
        after_outcomes(conn, [world.judged(number, Verdict.INACTIVE)], now=clock.now(conn))
    world.run("UPDATE suppressions SET expires_at = now() - interval '1 hour'")
    assert spread(world.engine, TWO_KEYS) == 0
