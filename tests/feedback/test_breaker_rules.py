"""Law 8's limits, each on both of its sides: those for bounces are exceeded, those for complaints reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailfleet.policy.breaker import (
    Action,
    Capacity,
    Complaints,
    Window,
    bounce_action,
    complaint_count_action,
    complaint_rate_action,
    may_rest,
    until,
)

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(("final", "hard", "action"), [
    (200, 4, None),  # exactly 2 %, and fewer than five hard ones
    (200, 5, Action.WARN),  # 2.5 %
    (250, 5, None),  # exactly 2 %
    (200, 6, Action.WARN),  # exactly 3 % only warns
    (200, 7, Action.SLOW),
    (200, 10, Action.SLOW),  # exactly 5 % only slows
    (200, 11, Action.PAUSE),
    (59, 59, None),  # below the floor of 60 nothing is proved
    (60, 4, None),  # nor with fewer than five hard ones: 6.7 %
    (60, 5, Action.PAUSE),
    (100, 5, Action.SLOW),  # exactly 5 %
    (0, 0, None),
])  # fmt: skip
def test_bounces_beyond_a_limit_warn_slow_and_pause(final, hard, action):
    assert bounce_action(Window(final, hard)) is action


@pytest.mark.parametrize(("delivered", "reported", "action"), [
    (999, 999, None),  # too few for a rate
    (1000, 0, None),
    (1000, 1, Action.WARN),  # exactly 0.1 %
    (1001, 1, None),
    (1000, 2, Action.WARN),
    (1000, 3, Action.STOP),  # exactly 0.3 %: no milder than three of 999
    (1001, 3, Action.WARN),
    (10_000, 9, None),
    (10_000, 10, Action.WARN),
    (10_000, 29, Action.WARN),
    (10_000, 30, Action.STOP),
])  # fmt: skip
def test_a_rate_of_complaints_at_a_limit_warns_and_stops(delivered, reported, action):
    assert complaint_rate_action(Complaints(delivered, reported, 0, 0)) is action


@pytest.mark.parametrize(("scope", "seen", "action"), [
    ("mailbox", Complaints(0, 0, 0, 1), None),
    ("mailbox", Complaints(0, 0, 0, 2), Action.REST),
    ("mailbox", Complaints(5000, 2, 0, 2), Action.REST),  # mailboxes have no rate
    ("campaign", Complaints(999, 0, 2, 9), None),
    ("campaign", Complaints(999, 0, 3, 3), Action.STOP),
    ("campaign", Complaints(1000, 3, 3, 3), None),  # enough for a rate: the rate decides
    ("domain", Complaints(0, 0, 9, 9), None),
    ("tenant", Complaints(0, 0, 9, 9), None),
])  # fmt: skip
def test_few_complaints_are_counted(scope, seen, action):
    assert complaint_count_action(scope, seen) is action


@pytest.mark.parametrize(("whole", "rested", "wanted", "may"), [
    (1000, 0, 200, True),  # exactly 20 %
    (1000, 0, 201, False),
    (1000, 150, 50, True),
    (1000, 150, 51, False),
    (0, 0, 0, True),
    (100, 0, 100, False),  # a tenant's only mailbox is slowed, and a person is called
])  # fmt: skip
def test_at_most_a_fifth_of_a_tenants_capacity_rests_without_a_person(whole, rested, wanted, may):
    assert may_rest(Capacity(whole, rested, wanted)) is may


@pytest.mark.parametrize("scope", ["campaign", "mailbox", "domain", "import", "tenant"])
@pytest.mark.parametrize("action", list(Action))
def test_every_action_expires(scope, action):
    assert timedelta(hours=24) <= until(action, scope, NOW) - NOW <= timedelta(days=7)


@pytest.mark.parametrize("delivered", [998, 999, 1000])
def test_three_complaints_in_a_day_stop_a_campaign_on_both_sides_of_the_floor(delivered):
    seen = Complaints(delivered, 3, 3, 3)
    assert (complaint_rate_action(seen) or complaint_count_action("campaign", seen)) is Action.STOP
