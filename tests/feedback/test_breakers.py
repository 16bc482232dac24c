"""The breakers act in the transaction that stores the verdict, once, also under a node's role."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from db import clock, incidents, stops
from mailfleet.acts.alerts import acknowledge, waiting
from mailfleet.acts.breakers import Scope, watch_bounces, watch_complaints
from mailfleet.acts.consequences import after_outcomes
from mailfleet.acts.stops import unstop
from mailfleet.policy.outcome import Verdict
from tests.feedback.given import World, arf


def verdicts(
    world: World, hard: int, accepted: int, *, mailbox: str = "acme anna", age: str = "1 hour", first: int = 1
) -> None:
    """That many verdicts of campaign, mailbox, domain and import, without their messages' further story."""
    number = world.message(f"grey{first}@person.example")
    world.run("""
        INSERT INTO messages (tenant_id, message_id, kind, person_hash, address_hash, mailbox_id, domain_id, receiver, state, due_at,
                              expires_at, planned_at)
        SELECT tenant_id, :first + n, 'test', person_hash, address_hash, :mailbox, domain_id, 'other', 'planned', now(), now(), now()
          FROM messages, generate_series(1, :all) AS n WHERE message_id = :id
    """, first=first * 10_000, all=hard + accepted, id=number, mailbox=world.ids[mailbox])  # fmt: skip
    world.run("""
        INSERT INTO verdicts (tenant_id, message_id, verdict, campaign_id, mailbox_id, domain_id, import_id, receiver, judged_at)
        SELECT :t, :first + n, CASE WHEN n <= :hard THEN 'hard' ELSE 'accepted' END, :campaign, :mailbox, :domain, :import, 'yahoo',
               now() - CAST(:age AS interval)
          FROM generate_series(1, :all) AS n
    """, t=world.ids["acme"], first=first * 10_000, all=hard + accepted, hard=hard, campaign=world.ids["acme campaign"],
         mailbox=world.ids[mailbox], domain=world.ids["acme domain"], age=age, **{"import": world.ids["acme import"]})  # fmt: skip


def scope(world: World, kind: str) -> Scope:
    name = {"mailbox": "acme anna"}.get(kind, f"acme {kind}")
    return Scope(world.ids["acme"], kind, world.ids["acme"] if kind == "tenant" else world.ids[name])


def watch(world: World, *kinds: str, role: str = "control") -> None:
    with world.ledger.engine(role).begin() as conn:
        watch_bounces(conn, [scope(world, kind) for kind in kinds], now=clock.now(conn))


def standing(world: World) -> list[tuple[str, int]]:
    with world.engine.connect() as conn:
        return sorted((kind, scope_id) for kind, scope_id, *_ in stops.standing(conn, clock.now(conn)))


def open_incidents(world: World) -> list[tuple[object, ...]]:
    return world.run("SELECT scope, action, cause FROM incidents WHERE ended_at IS NULL ORDER BY incident_id")


@pytest.mark.parametrize("role", ["control", "node-1"])
@pytest.mark.parametrize("kind", ["campaign", "mailbox", "import"])
def test_more_than_five_percent_hard_pauses(world, kind, role):
    verdicts(world, 11, 189)
    watch(world, kind, role=role)
    assert open_incidents(world) == [(kind, "pause", "bounce rate")]
    assert standing(world) == [(kind, scope(world, kind).scope_id)]
    alert = world.run("SELECT event, resource, payload FROM outbox")[0]
    assert alert[:2] == ("mailfleet.incident.pause", f"mailfleet.{kind}.{scope(world, kind).scope_id}")
    assert alert[2]["evidence"] == {"hard": 11, "final": 200, "percent": 5.5}


@pytest.mark.parametrize(("hard", "action"), [(5, "warn"), (7, "slow")])
def test_less_than_that_warns_or_slows_and_holds_nothing(world, hard, action):
    verdicts(world, hard, 200 - hard)
    watch(world, "campaign", role="node-1")
    assert (open_incidents(world), standing(world)) == ([("campaign", action, "bounce rate")], [])
    with world.ledger.engine("node-1").connect() as conn:
        slowed = {("campaign", world.ids["acme campaign"])} if action == "slow" else set()
        assert incidents.slowed(conn) == slowed


def test_a_decision_is_taken_once(world):
    verdicts(world, 11, 189)
    for role in ("control", "node-1", "node-2"):
        watch(world, "campaign", role=role)
    assert [world.one(f"SELECT count(*) FROM {table}") for table in ("incidents", "stops", "outbox")] == [
        1,
        1,
        1,
    ]


def test_only_the_last_200_count(world):
    verdicts(world, 50, 0, age="2 hours")
    verdicts(world, 5, 195, first=2)
    watch(world, "campaign")
    assert open_incidents(world) == [("campaign", "warn", "bounce rate")]


def test_only_the_last_24_hours_count(world):
    verdicts(world, 50, 0, age="25 hours")
    verdicts(world, 5, 55, first=2)
    watch(world, "campaign")
    assert open_incidents(world) == [("campaign", "pause", "bounce rate")]
    assert world.one("SELECT evidence ->> 'final' FROM incidents") == "60"


def test_a_domain_is_half_of_the_capacity_so_it_is_slowed_and_a_person_is_called(world):
    verdicts(world, 11, 189)
    watch(world, "domain", role="node-1")
    assert (open_incidents(world), standing(world)) == ([("domain", "slow", "bounce rate")], [])
    assert [event for (event,) in world.run("SELECT event FROM outbox ORDER BY outbox_id")] == [
        "mailfleet.incident.slow",
        "mailfleet.capacity",
    ]
    evidence = world.one("SELECT evidence FROM incidents")
    assert evidence["asked for"] == "pause"
    assert evidence["capacity"] == {
        "whole": 1200,
        "rested": 0,
        "wanted": 1200,
    }


@pytest.mark.parametrize("role", ["control", "node-1"])
def test_two_of_twelve_mailboxes_rest_and_the_third_is_slowed(world, role):
    for place, name in enumerate(("anna", "m1", "m2"), 1):
        verdicts(world, 11, 189, mailbox=f"acme {name}", first=place)
    with world.ledger.engine(role).begin() as conn:
        for name in ("anna", "m1", "m2"):
            watch_bounces(
                conn, [Scope(world.ids["acme"], "mailbox", world.ids[f"acme {name}"])], now=clock.now(conn)
            )
    assert [action for _, action, _ in open_incidents(world)] == ["pause", "pause", "slow"]
    assert len(standing(world)) == 2


def test_another_tenants_rest_spends_nothing_of_ours(world):
    world.run("INSERT INTO incidents (tenant_id, scope, scope_id, action, cause, evidence, since, ends_when) "
              "VALUES (:t, 'domain', :d, 'rest', 'x', '{}', now(), 'x')", t=world.ids["zeta"], d=world.ids["zeta domain"])  # fmt: skip
    world.run("INSERT INTO stops (tenant_id, scope, scope_id, cause, reason, actor, incident_id, since) "
              "SELECT :t, 'domain', :d, 'breaker', 'x', 'x', incident_id, now() FROM incidents", t=world.ids["zeta"], d=world.ids["zeta domain"])  # fmt: skip
    verdicts(world, 11, 189)
    watch(world, "mailbox")
    assert ("mailbox", "pause", "bounce rate") in open_incidents(world)


@pytest.mark.parametrize("role", ["control", "node-1"])
def test_what_has_run_out_does_not_stand_in_the_way_of_the_next(world, role):
    verdicts(world, 11, 189)
    watch(world, "campaign")
    for table in ("incidents", "stops"):
        world.run(f"UPDATE {table} SET since = since - interval '8 days', until = until - interval '8 days'")
    assert standing(world) == []
    watch(world, "campaign", role=role)
    assert standing(world) == [("campaign", world.ids["acme campaign"])]
    assert world.run("SELECT ended_at = until FROM stops ORDER BY stop_id") == [(True,), (None,)]


def test_what_an_operator_let_go_is_judged_by_what_comes_after(world):
    verdicts(world, 11, 189)
    watch(world, "campaign")
    with world.engine.begin() as conn:
        assert unstop(conn, "campaign", "acme/spring", actor="olga") == ["breaker"]
    watch(world, "campaign")
    assert (standing(world), open_incidents(world)) == ([], [])


def test_a_node_cannot_end_what_still_runs(world):
    verdicts(world, 11, 189)
    watch(world, "campaign")
    with world.ledger.engine("node-1").begin() as conn:
        for table in ("stops", "incidents"):
            assert conn.exec_driver_sql(f"UPDATE {table} SET ended_at = until").rowcount == 0


@pytest.mark.parametrize("role", ["control", "node-1"])
def test_an_outcome_stores_its_verdict_and_suppresses_whom_it_speaks_of(world, role):
    numbers = [world.message(f"p{place}@person.example") for place in range(3)]
    judged = [
        world.judged(number, verdict)
        for number, verdict in zip(numbers, (Verdict.ACCEPTED, Verdict.HARD, Verdict.BLOCK), strict=True)
    ]
    with world.ledger.engine(role).begin() as conn:
        for _ in range(2):
            after_outcomes(conn, judged, now=clock.now(conn))
    assert sorted(world.run("SELECT verdict FROM verdicts")) == [("accepted",), ("block",), ("hard",)]
    assert world.suppressed() == [(None, "hard")]
    assert world.one("SELECT person_hash FROM suppressions") == judged[1].person_hash


def test_the_next_hard_one_stops_the_campaign_in_its_own_transaction(world):
    verdicts(world, 10, 189)
    number = world.message("last@person.example")
    with world.ledger.engine("node-1").begin() as conn:
        after_outcomes(conn, [world.judged(number, Verdict.HARD)], now=clock.now(conn))
        held = {scope for scope, *_ in stops.standing(conn, clock.now(conn))}
    assert held == {"campaign", "import", "mailbox"}
    assert ("domain", "slow", "bounce rate") in open_incidents(world)


def test_two_complaints_rest_the_mailbox_and_three_stop_the_campaign(world):
    numbers = [world.message(f"p{place}@person.example") for place in range(3)]
    for place, number in enumerate(numbers):
        world.mail(arf(world.verp(number)))
        assert len(open_incidents(world)) == place
    assert open_incidents(world) == [("mailbox", "rest", "complaints"), ("campaign", "stop", "complaints")]


def test_complaints_at_receivers_that_report_make_a_rate(world):
    verdicts(world, 0, 1000)
    world.run("UPDATE verdicts SET complained = true, complained_at = now() - interval '3 days' WHERE message_id IN "
              "(SELECT message_id FROM verdicts ORDER BY 1 LIMIT 4)")  # fmt: skip
    with world.engine.begin() as conn:
        watch_complaints(
            conn, [scope(world, kind) for kind in ("campaign", "domain", "tenant")], now=clock.now(conn)
        )
    assert sorted(open_incidents(world)) == [
        ("campaign", "stop", "complaint rate"), ("domain", "slow", "complaint rate"), ("tenant", "stop", "complaint rate"),
    ]  # fmt: skip


def test_mail_to_receivers_that_report_nothing_is_not_divided_by(world):
    verdicts(world, 0, 1000)
    world.run("UPDATE verdicts SET receiver = 'gmail'")
    world.run("UPDATE verdicts SET complained = true, complained_at = now() - interval '3 days' WHERE message_id IN "
              "(SELECT message_id FROM verdicts ORDER BY 1 LIMIT 4)")  # fmt: skip
    with world.engine.begin() as conn:
        watch_complaints(conn, [scope(world, "campaign")], now=clock.now(conn))
    assert open_incidents(world) == []


def test_an_alert_is_handed_out_until_it_is_acknowledged(world):
    verdicts(world, 11, 189)
    watch(world, "campaign")
    first, again = waiting(world.engine), waiting(world.engine)
    assert [alert.tries for alert in (*first, *again)] == [1, 2]
    assert json.dumps(first[0].payload)
    assert acknowledge(world.engine, [first[0].outbox_id]) == 1
    assert (waiting(world.engine), acknowledge(world.engine, [first[0].outbox_id])) == ([], 0)


def test_an_import_that_is_paused_stays_so_for_a_week(world):
    verdicts(world, 11, 189)
    watch(world, "import")
    assert world.one("SELECT until - since FROM stops") == timedelta(days=7)


def test_two_who_decide_at_once_make_one_decision(world):
    verdicts(world, 11, 189)
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda role: watch(world, "campaign", "import", "mailbox", role=role),
                ["control", "node-1", "node-2", "control"],
            )
        )
    assert sorted(open_incidents(world)) == [
        (kind, "pause", "bounce rate") for kind in ("campaign", "import", "mailbox")
    ]
    assert world.one("SELECT count(*) FROM outbox") == 3


def test_a_full_tenant_is_not_rested_twice_over_by_two_nodes_at_once(world):
    for place, name in enumerate(("anna", "m1", "m2", "m3"), 1):
        verdicts(world, 11, 189, mailbox=f"acme {name}", first=place)

    def decide(name: str, role: str) -> None:
        with world.ledger.engine(role).begin() as conn:
            box = Scope(world.ids["acme"], "mailbox", world.ids[f"acme {name}"])
            watch_bounces(conn, [box], now=clock.now(conn))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decide, ("anna", "m1", "m2", "m3"), ("control", "node-1", "node-2", "control")))
    assert sorted(action for _, action, _ in open_incidents(world)) == ["pause", "pause", "slow", "slow"]
