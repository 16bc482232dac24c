from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from db import clock, stops
from db.engine import transaction
from db.stops import NewStop
from mailfleet.acts.open_wave import Opened, open_wave
from tests.intake.given import MONDAY, House

EVENING = MONDAY + timedelta(hours=14)
CALM = Opened({}, 0, {}, 0, 0)


@pytest.fixture
def evening(house: House) -> House:
    """Forty planned messages of two mailboxes, all due."""
    house.people(40)
    house.campaign()
    house.plan()
    house.at(EVENING)
    return house


def _stop(house: House, scope: str, number: int, cause: str) -> None:
    with transaction(house.engine) as conn:
        incident = conn.execute(text("""
            INSERT INTO mailfleet.incidents (scope, scope_id, action, cause, evidence, since, ends_when)
            VALUES (:scope, :id, 'stop', 'test', '{}', now(), 'never') RETURNING incident_id
        """), {"scope": scope, "id": number}).scalar()  # fmt: skip
        stops.stop(
            conn,
            NewStop(scope, number, None, cause, "test", "anna", incident_id=incident),
            now=clock.now(conn),
        )


def test_what_is_due_gets_the_first_route_of_its_mailbox(evening: House) -> None:
    assert open_wave(evening.engine) == Opened(
        {"node-1": {"egress-1": 20}, "node-2": {"egress-2": 20}}, 0, {}, 0, 0
    )
    assert open_wave(evening.engine) == CALM
    wrong = evening.rows("""SELECT 1 FROM mailfleet.messages m JOIN mailfleet.routes r USING (mailbox_id, egress_id)
                             WHERE r.position <> 1 OR m.state <> 'planned'""")
    assert wrong == []


def test_what_is_not_due_waits(house: House) -> None:
    house.people(5)
    house.campaign()
    house.plan()
    assert open_wave(house.engine) == CALM


def test_a_technical_stop_opens_the_next_route(evening: House) -> None:
    _stop(evening, "egress", 1, "technical")
    assert open_wave(evening.engine).nodes == {"node-2": 40}


def test_a_reputation_stop_holds_and_never_reroutes(evening: House) -> None:
    _stop(evening, "egress", 1, "breaker")
    opened = open_wave(evening.engine)
    assert (opened.nodes, opened.held) == ({"node-2": 20}, {"egress stopped: test": 20})
    rows = evening.rows("""
        SELECT DISTINCT m.state, m.egress_id, m.hold_until = m.expires_at, e.event, e.source, e.before, e.after
          FROM mailfleet.messages m JOIN mailfleet.events e USING (message_id)""")
    assert rows == [("held", 1, True, "hold", "house", "planned", "held")]
    assert open_wave(evening.engine) == CALM


def test_what_was_routed_but_never_begun_leaves_a_node_that_went_down(evening: House) -> None:
    open_wave(evening.engine)
    evening.move_all(
        "submitted", where="message_id = (SELECT min(message_id) FROM mailfleet.messages WHERE node_id = 1)"
    )
    _stop(evening, "node", 1, "technical")
    opened = open_wave(evening.engine)
    assert (opened.rerouted, opened.nodes) == (19, {"node-2": 19})
    assert evening.rows("SELECT count(*) FROM mailfleet.messages WHERE node_id = 1") == [(1,)]


def test_messages_whose_time_passed_expire_with_an_event(evening: House) -> None:
    evening.at(MONDAY + timedelta(days=20))
    assert open_wave(evening.engine).expired == 40
    assert evening.rows("SELECT DISTINCT state, ended_at IS NOT NULL FROM mailfleet.messages") == [
        ("expired", True)
    ]
    assert evening.rows("SELECT count(*) FROM mailfleet.events WHERE event = 'expire'") == [(40,)]


def test_a_mailbox_without_routes_waits_and_is_counted(evening: House) -> None:
    with transaction(evening.engine) as conn:
        conn.execute(text("DELETE FROM mailfleet.routes"))
    assert open_wave(evening.engine) == Opened({}, 0, {}, 0, 40)


def test_two_openings_at_once_route_each_message_once(evening: House) -> None:
    found: list[Opened] = []
    threads = [threading.Thread(target=lambda: found.append(open_wave(evening.engine))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sum(one.nodes.values()) for one in found) == 40
