"""Retries grow, end, spread, and listen to who asks for a time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailfleet.policy.retry import JITTER, LONGEST, MAX_TRIES, STEPS, again_at

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempt", "minutes"), [(1, 15), (2, 60), (3, 240), (4, 480), (7, 1440), (99, 1440), (0, 15)]
)
def test_each_try_waits_longer(attempt, minutes):
    assert again_at(NOW, attempt=attempt, retry_after=None, message_id=0) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("asked", "waited"), [(300, 300), (7200, 7200), (1, 60), (10**7, LONGEST.total_seconds())]
)
def test_what_they_ask_for_is_what_they_get_within_reason(asked, waited):
    due = again_at(NOW, attempt=1, retry_after=timedelta(seconds=asked), message_id=0)
    assert due == NOW + timedelta(seconds=waited)


@given(st.integers(1, 2**63 - 1), st.integers(1, MAX_TRIES))
def test_jitter_is_the_messages_own_and_at_most_a_fifth(message_id, attempt):
    due = again_at(NOW, attempt=attempt, retry_after=None, message_id=message_id)
    step = STEPS[min(attempt, len(STEPS)) - 1]
    assert NOW + step <= due <= NOW + step * (1 + JITTER)
    assert due == again_at(NOW, attempt=attempt, retry_after=None, message_id=message_id)


def test_all_tries_fit_into_the_days_that_rfc_5321_gives_a_message():
    assert timedelta(days=3) < sum(STEPS, timedelta()) < timedelta(days=5)
