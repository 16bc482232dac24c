from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailfleet.policy.allowance import Cap
from mailfleet.policy.batching import GAP, Due, in_turn, place, working_days_later

NOW = datetime(2027, 3, 1, 6, 0, tzinfo=UTC)  # a Monday
FAR = datetime(2027, 6, 1, tzinfo=UTC)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Almaty", "UTC")
START, END = time(9), time(18)


def due(number: int, **more) -> Due:
    facts = {"tenant_id": 1, "campaign_id": 1, "domain_id": 1, "mailbox_id": 1, "zone": "UTC", "follow_up": False,
             "due_at": NOW, "ends_at": FAR} | more  # fmt: skip
    return Due(number=number, start=START, end=END, **facts)


dues = st.lists(
    st.builds(
        due, st.integers(1, 2**62), tenant_id=st.just(1), campaign_id=st.integers(1, 3), domain_id=st.integers(1, 2),
        mailbox_id=st.integers(1, 4), zone=st.sampled_from(ZONES), follow_up=st.booleans(),
        due_at=st.integers(-48, 48).map(lambda hours: NOW + timedelta(hours=hours)),
    ),
    max_size=60, unique_by=lambda one: one.number,
)  # fmt: skip
limits = st.builds(Cap, st.none() | st.integers(0, 6), st.none() | st.integers(0, 20))
every_cap = st.fixed_dictionaries(
    {
        (dimension, key): limits
        for dimension in ("campaign", "domain", "mailbox", "tenant")
        for key in range(1, 5)
    }
)
before = st.dictionaries(
    st.integers(-23, 30).map(lambda hours: NOW + timedelta(hours=hours)), st.integers(0, 8), max_size=5
)
used = st.dictionaries(
    st.tuples(st.sampled_from(("campaign", "domain", "mailbox")), st.integers(1, 3)), before, max_size=4
)


@settings(max_examples=150, deadline=None)
@given(dues, every_cap, used)
def test_no_cap_is_exceeded_nothing_is_lost_or_placed_twice_and_order_does_not_matter(
    dues, caps, used
) -> None:
    plan = place(dues, now=NOW, until=None, caps=caps, used=used, busy={})
    assert sorted([*plan.placed, *plan.waiting]) == sorted(one.number for one in dues)
    assert place(dues[::-1], now=NOW, until=None, caps=caps, used=used, busy={}) == plan
    of_key: dict = {}
    for one in dues:
        for key in one.keys if one.number in plan.placed else ():
            of_key.setdefault(key, Counter())[plan.placed[one.number].replace(minute=0, second=0)] += 1
    for key, ours in of_key.items():
        _within(caps[key], ours + Counter(used.get(key, {})), ours)


def _within(cap: Cap, hours: Counter, ours: Counter) -> None:
    for hour in ours:
        assert cap.hourly is None or hours[hour] <= cap.hourly
        for step in range(24):
            end = hour + timedelta(hours=step)
            day = sum(count for each, count in hours.items() if end - timedelta(hours=24) < each <= end)
            assert cap.daily is None or day <= cap.daily


@settings(max_examples=100, deadline=None)
@given(dues)
def test_each_slot_is_in_the_persons_own_working_hours_and_a_gap_from_the_mailboxs_others(dues) -> None:
    free = {(d, k): Cap() for d in ("campaign", "domain", "mailbox", "tenant") for k in range(1, 5)}
    plan = place(dues, now=NOW, until=None, caps=free, used={}, busy={})
    assert not plan.waiting
    for one in dues:
        local = plan.placed[one.number].astimezone(ZoneInfo(one.zone))
        assert local.weekday() < 5
        assert START <= local.time() < END
        assert max(NOW, one.due_at) <= local
    for mailbox in range(1, 5):
        times = sorted(plan.placed[one.number] for one in dues if one.mailbox_id == mailbox)
        assert all(later - sooner >= GAP for sooner, later in pairwise(times))


def test_a_dimension_without_a_cap_takes_nothing() -> None:
    assert place([due(1)], now=NOW, until=None, caps={}, used={}, busy={}).waiting == {
        1: "the campaign is full"
    }


def test_follow_ups_come_first_then_tenants_and_campaigns_take_turns() -> None:
    ours = [due(n, tenant_id=1, campaign_id=1) for n in range(10, 16)]
    more = [
        due(20, tenant_id=1, campaign_id=2),
        due(30, tenant_id=2, campaign_id=3),
        due(31, tenant_id=2, campaign_id=3),
    ]
    old = [due(90, tenant_id=1, campaign_id=1, follow_up=True)]
    assert [one.number for one in in_turn(ours + more + old)] == [90, 10, 30, 20, 31, 11, 12, 13, 14, 15]


def test_what_does_not_fit_says_which_dimension_is_full() -> None:
    caps = {(d, 1): Cap() for d in ("campaign", "domain", "tenant")} | {("mailbox", 1): Cap(daily=3)}
    plan = place([due(n) for n in range(1, 6)], now=NOW, until=None, caps=caps, used={}, busy={})
    assert (len(plan.placed), set(plan.waiting.values())) == (3, {"the mailbox is full"})


@pytest.mark.parametrize(
    ("now", "more", "reason"),
    [
        (NOW, {"ends_at": NOW + timedelta(hours=1)}, "the campaign ends before"),
        (datetime(2027, 3, 5, 19, tzinfo=UTC), {}, "the window opens later"),  # Friday evening
    ],
)
def test_a_window_that_opens_too_late_leaves_it_waiting(now: datetime, more: dict, reason: str) -> None:
    caps = {(d, 1): Cap() for d in ("campaign", "domain", "tenant", "mailbox")}
    plan = place([due(1, **more)], now=now, until=now + timedelta(hours=24), caps=caps, used={}, busy={})
    assert plan.waiting == {1: reason}


def test_slots_are_spread_over_the_day() -> None:
    caps = {(d, k): Cap() for d in ("campaign", "domain", "tenant", "mailbox") for k in range(1, 40)}
    plan = place(
        [due(n * 7919, mailbox_id=n % 30 + 1) for n in range(900)],
        now=NOW,
        until=None,
        caps=caps,
        used={},
        busy={},
    )
    hours = Counter(slot.hour for slot in plan.placed.values())
    assert set(hours) == set(range(9, 18))
    assert max(hours.values()) < 2 * min(hours.values())


@pytest.mark.parametrize(
    ("sent", "days", "expected"),
    [
        (
            datetime(2027, 3, 1, 15, tzinfo=UTC),
            1,
            datetime(2027, 3, 1, 23, tzinfo=UTC),
        ),  # Berlin's Tuesday begins
        (datetime(2027, 3, 5, 15, tzinfo=UTC), 1, datetime(2027, 3, 7, 23, tzinfo=UTC)),  # Friday → Monday
        (datetime(2027, 3, 1, 15, tzinfo=UTC), 0, datetime(2027, 3, 1, 15, tzinfo=UTC)),
        (datetime(2027, 3, 1, 15, tzinfo=UTC), 6, datetime(2027, 3, 8, 23, tzinfo=UTC)),
    ],
)
def test_days_between_steps_are_working_days_of_the_person(
    sent: datetime, days: int, expected: datetime
) -> None:
    assert working_days_later(sent, days, "Europe/Berlin") == expected


@pytest.mark.slow
def test_a_day_of_sixty_thousand_is_planned_in_seconds() -> None:
    caps = {("tenant", 1): Cap(daily=60_000)} | {("mailbox", n): Cap(40, 60) for n in range(1200)}
    caps |= {("campaign", n): Cap(daily=9000) for n in range(10)} | {
        ("domain", n): Cap(500) for n in range(40)
    }
    many = [
        due(n * 104729, mailbox_id=n % 1200, domain_id=n % 40, campaign_id=n % 10) for n in range(1, 60_001)
    ]
    plan = place(many, now=NOW, until=None, caps=caps, used={}, busy={})
    assert len(plan.placed) == 60_000
