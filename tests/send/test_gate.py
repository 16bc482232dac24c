"""The gate: one reason each, the strictest first; what is not known keeps a message back."""

import dataclasses
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailfleet.policy.gate import Drop, Expire, Facts, Go, Hold, Later, Window, judge
from mailfleet.policy.hours import opens
from mailfleet.policy.retry import MAX_TRIES

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)  # a Tuesday
DAY = timedelta(days=1)
SCOPES = {"tenant": 1, "campaign": 2, "mailbox": 3, "domain": 4, "egress": 5, "node": 6, "import": 7}
WINDOW = Window("UTC", time(9), time(18))
FACTS = Facts(8, 0, NOW + DAY, SCOPES, "consent", None, True, None, WINDOW)


def stop(scope: str, scope_id: int, until: datetime | None = None):
    return scope, scope_id, "operator", "asked", until


TABLE = [
    ({}, (), Go()),
    ({"window": None}, (), Go()),
    ({"ended": "finished"}, (), Go()),  # its last message came back to be tried again
    ({"suppressed": "unsubscribe"}, (), Drop("suppressed: unsubscribe")),
    ({"ended": "answered"}, (), Drop("answered")),
    ({"ended": "bounced"}, (), Drop("bounced")),
    ({"ended": "suppressed"}, (), Drop("suppressed")),
    ({"ended": "expired"}, (), Drop("expired")),
    ({"enrolled": False}, (), Drop("no enrolment")),
    ({"basis": ""}, (), Drop("no legal basis")),
    ({"basis": None}, (), Drop("no legal basis")),
    ({"expires_at": NOW}, (), Expire("its time passed")),
    ({"attempt": MAX_TRIES}, (), Expire(f"not accepted in {MAX_TRIES} tries")),
    ({"attempt": MAX_TRIES - 1}, (), Go()),
    ({}, (stop("campaign", 99),), Go()),
    ({}, (stop("campaign", 2),), Hold("campaign stopped: asked", NOW + DAY)),
    ({}, (stop("egress", 5, NOW + DAY / 2),), Hold("egress stopped: asked", NOW + DAY / 2)),
    ({}, (stop("egress", 5, NOW + DAY / 2), stop("node", 6)), Hold("node stopped: asked", NOW + DAY)),
    ({}, (stop("mailbox", 3, NOW + 9 * DAY),), Hold("mailbox stopped: asked", NOW + DAY)),
    # the strictest speaks
    ({"suppressed": "hard", "expires_at": NOW}, (stop("tenant", 1),), Drop("suppressed: hard")),
    ({"expires_at": NOW}, (stop("tenant", 1),), Expire("its time passed")),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "stops", "judgement"), TABLE)
def test_the_gate_says(facts, stops, judgement):
    assert judge(dataclasses.replace(FACTS, **facts), stops, NOW) == judgement


@pytest.mark.parametrize("scope", SCOPES)
def test_every_scope_can_be_stopped(scope):
    assert isinstance(judge(FACTS, (stop(scope, SCOPES[scope]),), NOW), Hold)


def test_outside_business_hours_it_waits_for_the_next_opening_and_a_little_of_its_own():
    evening = NOW.replace(hour=18)
    judged = judge(FACTS, (), evening)
    assert isinstance(judged, Later)
    opening = NOW.replace(hour=9) + DAY
    assert opening <= judged.due_at <= opening + timedelta(minutes=30)


HOURS = [
    # now, zone, opens
    ("2026-11-24T09:00", "UTC", "2026-11-24T09:00"),
    ("2026-11-24T08:59", "UTC", "2026-11-24T09:00"),
    ("2026-11-24T18:00", "UTC", "2026-11-25T09:00"),
    ("2026-11-27T18:00", "UTC", "2026-11-30T09:00"),  # Friday evening → Monday
    ("2026-11-28T12:00", "UTC", "2026-11-30T09:00"),  # Saturday
    ("2026-11-24T03:00", "Asia/Almaty", "2026-11-24T04:00"),
    ("2026-11-24T22:00", "Asia/Almaty", "2026-11-25T04:00"),  # it is Wednesday there already
    ("2026-03-29T10:00", "Europe/Berlin", "2026-03-30T07:00"),  # summer time began this Sunday
    ("2026-10-23T20:00", "Europe/Berlin", "2026-10-26T08:00"),  # and ended
    ("2026-11-24T02:00", "America/New_York", "2026-11-24T14:00"),
]


@pytest.mark.parametrize(("now", "zone", "opening"), HOURS)
def test_a_window_opens_in_the_persons_own_day(now, zone, opening):
    at, then = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, opening))
    assert opens(at, zone, time(9), time(18)) == then


ZONES = st.sampled_from(["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"])


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), ZONES,
       st.integers(0, 22))  # fmt: skip
def test_an_opening_is_never_in_the_past_never_far_and_open(at, zone, start):
    now = at.replace(tzinfo=UTC)
    opening = opens(now, zone, time(start), time(start + 1))
    assert now <= opening <= now + timedelta(days=4)
    assert opens(opening, zone, time(start), time(start + 1)) == opening


TIMES = st.datetimes(datetime(2026, 11, 20), datetime(2026, 12, 1), timezones=st.just(UTC))
FACTS_OF_ANY_KIND = st.builds(
    Facts, st.integers(1, 2**63 - 1), st.integers(0, 12), TIMES,
    st.fixed_dictionaries({scope: st.one_of(st.none(), st.integers(1, 3)) for scope in SCOPES}),
    st.sampled_from(["consent", "", None]), st.sampled_from([None, "hard"]), st.booleans(),
    st.sampled_from([None, "finished", "answered", "expired"]), st.one_of(st.none(), st.just(WINDOW)),
)  # fmt: skip
STOPS = st.lists(st.builds(stop, st.sampled_from(sorted(SCOPES)), st.integers(1, 3)), max_size=4)


@given(FACTS_OF_ANY_KIND, STOPS)
def test_nothing_goes_that_anything_forbids(facts, stops):
    judged = judge(facts, stops, NOW)
    if isinstance(judged, Go):
        assert facts.basis
        assert facts.suppressed is None
        assert facts.enrolled
        assert facts.ended in (None, "finished")
        assert facts.expires_at > NOW
        assert not any(facts.scopes[scope] == scope_id for scope, scope_id, *_ in stops)
    if isinstance(judged, Hold):
        assert NOW < judged.until <= facts.expires_at
    if isinstance(judged, Later):
        assert judged.due_at > NOW
