"""What the breakers are fed with, and which time their windows look back to."""

from __future__ import annotations

import pytest

from db import clock, incidents
from mailfleet.acts.breakers import Scope, watch_bounces, watch_complaints
from mailfleet.acts.stops import unstop
from tests.feedback.given import World, arf, dsn
from tests.feedback.test_breakers import open_incidents, scope, standing, verdicts, watch
from tests.feedback.test_drain import BOUNCED, HARD, QID, line


def reported(world: World, number: int) -> None:
    world.mail(dsn(world.verp(number), said=HARD))


def logged(world: World, number: int) -> None:
    world.queue_id(number, QID)
    world.log(line(BOUNCED))


@pytest.mark.parametrize("hear", [reported, logged])
def test_a_bounce_that_a_postfix_hears_of_later_pauses_the_campaign(world, hear):
    verdicts(world, 10, 189)
    number = world.message(queue_ref=QID)
    hear(world, number)
    assert world.state(number) == "bounced"
    assert ("campaign", world.ids["acme campaign"]) in standing(world)
    assert world.one("SELECT evidence ->> 'hard' FROM incidents WHERE scope = 'campaign'") == "11"


@pytest.mark.parametrize("role", ["control", "node-1"])
@pytest.mark.parametrize(("age", "action"), [("23 hours", "slow"), ("25 hours", "pause")])
def test_what_was_rested_more_than_24_hours_ago_spends_nothing_of_today(world, role, age, action):
    boxes = [Scope(world.ids["acme"], "mailbox", world.ids[f"acme {name}"]) for name in ("m1", "m2", "anna")]
    for place, name in enumerate(("m1", "m2", "anna"), 1):
        verdicts(world, 11, 189, mailbox=f"acme {name}", first=place)
    with world.engine.begin() as conn:
        watch_bounces(conn, boxes[:2], now=clock.now(conn))
    for table in ("incidents", "stops"):
        world.run(f"UPDATE {table} SET since = since - CAST(:age AS interval)", age=age)
    with world.ledger.engine(role).begin() as conn:
        watch_bounces(conn, boxes[2:], now=clock.now(conn))
    assert [done for _, done, _ in open_incidents(world)] == ["pause", "pause", action]


def complaints(world: World, count: int, age: str) -> None:
    """That many of the accepted messages were complained about so long ago."""
    world.run("""
        UPDATE verdicts SET complained = true, complained_at = now() - CAST(:age AS interval) WHERE message_id IN
               (SELECT message_id FROM verdicts WHERE NOT complained ORDER BY 1 LIMIT :count)
    """, age=age, count=count)  # fmt: skip


def look(world: World, kind: str) -> None:
    with world.engine.begin() as conn:
        watch_complaints(conn, [scope(world, kind)], now=clock.now(conn))


@pytest.mark.parametrize(
    ("age", "found"), [("29 days", [("mailbox", "rest", "complaints")]), ("31 days", [])]
)
def test_a_mailboxs_complaints_are_counted_for_30_days(world, age, found):
    verdicts(world, 0, 2)
    complaints(world, 1, age)
    complaints(world, 1, "1 hour")
    look(world, "mailbox")
    assert open_incidents(world) == found


@pytest.mark.parametrize(
    ("age", "found"), [("23 hours", [("campaign", "stop", "complaints")]), ("25 hours", [])]
)
def test_a_campaigns_complaints_are_counted_for_a_day(world, age, found):
    verdicts(world, 0, 3)
    complaints(world, 1, age)
    complaints(world, 2, "1 hour")
    look(world, "campaign")
    assert open_incidents(world) == found


@pytest.mark.parametrize(
    ("age", "found"), [("6 days", [("campaign", "stop", "complaint rate")]), ("8 days", [])]
)
def test_a_rate_of_complaints_is_that_of_seven_days(world, age, found):
    verdicts(world, 0, 1000)
    complaints(world, 3, age)
    look(world, "campaign")
    assert open_incidents(world) == found


def test_complaints_from_before_an_operator_let_it_go_are_not_counted_again(world):
    numbers = [world.message(f"p{place}@person.example") for place in range(4)]
    for number in numbers[:2]:
        world.mail(arf(world.verp(number)))
    assert open_incidents(world) == [("mailbox", "rest", "complaints")]
    with world.engine.begin() as conn:
        assert unstop(conn, "mailbox", "anna@acme.example", actor="olga") == ["breaker"]
    world.mail(arf(world.verp(numbers[2])))
    assert ("mailbox", "rest", "complaints") not in open_incidents(world)
    world.mail(arf(world.verp(numbers[3])))
    assert ("mailbox", "rest", "complaints") in open_incidents(world)


@pytest.mark.parametrize("role", ["control", "node-1"])
def test_a_slow_ends_when_its_time_is_over_whoever_closes_it(world, role):
    verdicts(world, 7, 193)
    watch(world, "campaign")
    with world.ledger.engine(role).connect() as conn:
        assert incidents.slowed(conn) == {("campaign", world.ids["acme campaign"])}
    world.run("UPDATE incidents SET since = since - interval '25 hours', until = until - interval '25 hours'")
    with world.ledger.engine(role).connect() as conn:
        assert incidents.slowed(conn) == frozenset()
    assert world.run("SELECT ended_at FROM incidents") == [(None,)]
