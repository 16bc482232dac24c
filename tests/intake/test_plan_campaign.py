from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from db.engine import plain_engine, transaction
from mailfleet.acts.plan_campaign import Planned
from mailfleet.acts.refused import Refused
from tests.intake.given import FILE, MONDAY, House


def test_the_audience_enters_and_each_person_gets_one_message_in_their_hours(house: House) -> None:
    house.people(30)
    house.people(5, direction="kursy", start=100)
    house.campaign()
    assert house.plan() == Planned(30, 30, {}, {})
    assert house.plan() == Planned(0, 0, {}, {})
    rows = house.rows("SELECT state, step_key, due_at, mailbox_id, node_id, thread FROM mailfleet.messages")
    assert {(row.state, row.step_key, row.node_id) for row in rows} == {("planned", "first", None)}
    assert all(
        9 <= row.due_at.astimezone(ZoneInfo("Europe/Berlin")).hour < 18 and row.due_at.day == 3
        for row in rows
    )
    assert sorted(Counter(row.mailbox_id for row in rows).values()) == [15, 15]


def test_the_follow_up_waits_for_its_working_day_and_stays_in_the_thread(house: House) -> None:
    house.people(4)
    house.campaign()
    house.plan()
    house.move_all("submitted")
    house.at(MONDAY + timedelta(days=1))
    assert house.plan().planned == 0  # two working days
    house.at(MONDAY + timedelta(days=2))
    assert house.plan() == Planned(0, 4, {}, {})
    second = house.rows(
        "SELECT thread, mailbox_id, lead_id, due_at FROM mailfleet.messages WHERE step_key = 'second'"
    )
    first = {
        row.lead_id: row for row in house.rows("SELECT * FROM mailfleet.messages WHERE step_key = 'first'")
    }
    for row in second:
        assert row.thread == [first[row.lead_id].message_id]
        assert row.mailbox_id == first[row.lead_id].mailbox_id
        assert row.due_at.date() == (MONDAY + timedelta(days=2)).date()
    house.move_all("delivered", where="step_key = 'second'")
    assert house.plan() == Planned(0, 0, {"finished": 4}, {})


@pytest.mark.parametrize("state", ["deferred", "held", "unknown", "planned"])
def test_while_a_letter_is_on_its_way_the_next_one_is_not_planned(house: House, state: str) -> None:
    house.people(2)
    house.campaign()
    house.plan()
    house.move_all(state, reason="test")
    house.at(MONDAY + timedelta(days=9))
    assert house.plan() == Planned(0, 0, {}, {})


@pytest.mark.parametrize(
    ("state", "reason", "ended"),
    [
        ("bounced", None, "bounced"), ("refused", "550", "bounced"), ("expired", "its time passed", "expired"),
        ("dropped", "suppressed: unsubscribe", "suppressed"), ("dropped", "answered", "answered"),
    ],
)  # fmt: skip
def test_a_letter_that_ended_badly_ends_the_enrolment(
    house: House, state: str, reason: str | None, ended: str
) -> None:
    house.people(2)
    house.campaign()
    house.plan()
    house.move_all(state, reason=reason)
    house.at(MONDAY + timedelta(days=9))
    assert house.plan() == Planned(0, 0, {ended: 2}, {})
    assert house.rows("SELECT DISTINCT state, ended FROM mailfleet.enrolments") == [("ended", ended)]


def test_the_suppressed_neither_enter_nor_go_on(house: House) -> None:
    house.people(3)
    house.campaign()
    _suppress(house, 1)
    assert house.plan().enrolled == 2
    house.move_all("submitted")
    _suppress(house, 2)
    house.at(MONDAY + timedelta(days=3))
    planned = house.plan()
    assert (planned.planned, planned.ended) == (1, {"suppressed": 1})


def test_who_answered_one_campaign_is_not_enrolled_in_another(house: House) -> None:
    house.people(3)
    house.campaign()
    house.plan()
    with transaction(house.engine) as conn:
        conn.execute(
            text("""
            UPDATE mailfleet.enrolments SET state = 'ended', ended = 'answered', ended_at = now(), next_due_at = NULL
             WHERE lead_id = (SELECT min(lead_id) FROM mailfleet.leads)""")
        )
    house.campaign(FILE.replace("slug: spring", "slug: autumn"))
    assert house.plan(campaign="acme/autumn").enrolled == 2


def test_caps_leave_the_rest_waiting_and_count_what_is_planned_already(house: House) -> None:
    house.people(200)
    house.campaign()
    with transaction(house.engine) as conn:
        conn.execute(text("UPDATE mailfleet.mailboxes SET daily_limit = 25"))
    assert house.plan() == Planned(200, 50, {}, {"the mailbox is full": 150})
    assert house.plan() == Planned(0, 0, {}, {"the mailbox is full": 150})


def test_two_planners_at_once_plan_nothing_twice(house: House) -> None:
    house.people(60)
    house.campaign()
    done: list[Planned] = []
    threads = [threading.Thread(target=lambda: done.append(house.plan())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(one.planned for one in done), sum(one.enrolled for one in done)) == (60, 60)
    assert house.rows("SELECT count(*), count(DISTINCT lead_id) FROM mailfleet.messages") == [(60, 60)]


def test_a_step_planned_again_after_a_restore_is_the_same_message(house: House) -> None:
    house.people(3)
    house.campaign()
    house.plan()
    before = house.rows("SELECT message_id FROM mailfleet.messages ORDER BY 1")
    with plain_engine(house.owner_url).begin() as conn:
        conn.execute(text("DELETE FROM mailfleet.messages"))
        conn.execute(
            text(
                "UPDATE mailfleet.enrolments SET steps_planned = 0, next_due_at = enrolled_at, thread = '{}'"
            )
        )
    house.plan()
    assert house.rows("SELECT message_id FROM mailfleet.messages ORDER BY 1") == before


def _forget_what_was_planned(house: House) -> None:
    """What a lost compare-and-set would do: the enrolments say that nothing was planned."""
    with transaction(house.engine) as conn:
        conn.execute(
            text(
                "UPDATE mailfleet.enrolments SET steps_planned = 0, next_due_at = enrolled_at, thread = '{}'"
            )
        )


@pytest.mark.parametrize(("without", "messages"), [(False, 3), (True, 6)])
def test_without_messages_once_a_person_gets_a_step_twice(house: House, without: bool, messages: int) -> None:
    """The harm that the unique index prevents, with numbers that differ (another key) so that nothing else does."""
    house.people(3)
    house.campaign()
    house.plan()
    _forget_what_was_planned(house)
    if without:
        with plain_engine(house.owner_url).begin() as conn:
            conn.execute(text("DROP INDEX mailfleet.messages_once"))
    with plain_engine(house.owner_url).begin() as conn:
        conn.execute(
            text("UPDATE mailfleet.campaigns SET slug = 'renamed'")
        )  # gives every message another number
    house.plan()
    assert house.rows("SELECT count(*) FROM mailfleet.messages") == [(messages,)]


def test_a_stopped_campaign_is_not_planned_and_an_ended_one_ends_its_people(house: House) -> None:
    house.people(3)
    name = house.campaign(FILE.replace("2099-03-03", "2098-03-05"))
    house.plan()
    house.move_all("submitted")
    house.people(1, start=50)
    with transaction(house.engine) as conn:
        conn.execute(
            text("""
            INSERT INTO mailfleet.stops (tenant_id, scope, scope_id, cause, reason, actor, since, until)
            SELECT tenant_id, 'campaign', campaign_id, 'operator', 'look', 'anna', now(), :until FROM mailfleet.campaigns
        """),
            {"until": MONDAY + timedelta(days=2)},
        )
    assert house.plan(campaign=name) == Planned(0, 0, {}, {})
    house.at(MONDAY + timedelta(days=4))
    assert house.plan() == Planned(0, 0, {"expired": 3}, {})


def test_an_unknown_campaign_is_refused(house: House) -> None:
    with pytest.raises(Refused, match="no campaign acme/none"):
        house.plan(campaign="acme/none")


def _suppress(house: House, number: int) -> None:
    with transaction(house.engine) as conn:
        conn.execute(
            text("""
            INSERT INTO mailfleet.suppressions (kind, person_hash, hash_key_id, reason, since, evidence, actor)
            SELECT 'address', person_hash, 1, 'operator', now(), 'test', 'anna' FROM mailfleet.leads WHERE address LIKE :like
        """),
            {"like": f"person.{number}@%"},
        )
