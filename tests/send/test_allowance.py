"""No cap is ever exceeded, nobody is lost, and who waits learns until when."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailfleet.policy.allowance import DAY, HOUR, Cap, Wanted, share_out, whole_hour

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BOX, DOMAIN = ("mailbox", 1), ("domain", 1)


def wanted(count: int, *keys: tuple[str, int]) -> list[Wanted]:
    return [Wanted(number, keys) for number in range(1, count + 1)]


TABLE = [
    # cap, used buckets (hours ago → count), slowed, how many of 100 go, hours until it opens
    (Cap(10, None), {}, False, 10, 1),
    (Cap(10, None), {0: 4}, False, 6, 1),
    (Cap(10, None), {1: 10}, False, 10, 1),
    (Cap(None, 20), {}, False, 20, 24),
    (Cap(None, 20), {23: 15, 5: 3}, False, 2, 1),  # the 15 leave the day in an hour
    (Cap(None, 20), {24: 20}, False, 20, 24),  # a day is the last 24 buckets
    (Cap(10, 15), {3: 12}, False, 3, 21),  # at 9 tomorrow the 12 are gone
    (Cap(10, None), {}, True, 5, 1),
    (Cap(1, None), {}, True, 1, 1),  # slowing is not stopping
    (Cap(0, None), {}, True, 0, 24),
    (Cap(0, 0), {}, False, 0, 24),
    (Cap(None, None), {}, False, 100, None),
]  # fmt: skip


@pytest.mark.parametrize(("cap", "used", "slow", "go", "opens"), TABLE)
def test_a_cap_lets_pass(cap, used, slow, go, opens):
    buckets = {NOON - ago * HOUR: count for ago, count in used.items()}
    shares = share_out(
        wanted(100, BOX), hour=NOON, caps={BOX: cap}, used={BOX: buckets}, slowed={BOX} if slow else set()
    )
    assert shares.admitted == tuple(range(1, go + 1))
    assert {full.opens_at for full in shares.refused.values()} == (
        {NOON + opens * HOUR} if go < 100 else set()
    )


def test_a_dimension_without_a_cap_takes_nothing():
    assert share_out(wanted(3, BOX, DOMAIN), hour=NOON, caps={BOX: Cap(9, 9)}, used={}).admitted == ()


def test_a_message_that_cannot_go_takes_nothing_from_the_others():
    asked = [Wanted(1, (BOX, DOMAIN)), Wanted(2, (BOX,)), Wanted(3, (BOX,))]
    shares = share_out(asked, hour=NOON, caps={BOX: Cap(2), DOMAIN: Cap(0)}, used={})
    assert shares.admitted == (2, 3)
    assert shares.refused[1].key == DOMAIN


KEYS = st.sampled_from([("mailbox", 1), ("mailbox", 2), ("domain", 1), ("egress", 1), ("tenant", 1)])
CAPS = st.dictionaries(
    KEYS, st.builds(Cap, st.one_of(st.none(), st.integers(0, 6)), st.one_of(st.none(), st.integers(0, 9)))
)
USED = st.dictionaries(
    KEYS, st.dictionaries(st.integers(0, 30).map(lambda ago: NOON - ago * HOUR), st.integers(0, 9))
)
ASKED = st.lists(st.frozensets(KEYS, min_size=1).map(lambda keys: tuple(sorted(keys))), max_size=25)


@given(ASKED, CAPS, USED, st.frozensets(KEYS))
def test_no_cap_is_exceeded_and_nobody_is_lost(asked, caps, used, slowed):
    messages = [Wanted(number, keys) for number, keys in enumerate(asked, 1)]
    shares = share_out(messages, hour=NOON, caps=caps, used=used, slowed=slowed)
    assert sorted([*shares.admitted, *shares.refused]) == [one.message_id for one in messages]
    taken = Counter(key for one in messages if one.message_id in shares.admitted for key in one.keys)
    for key, count in taken.items():
        buckets = used.get(key, {})
        day = sum(one for bucket, one in buckets.items() if bucket > NOON - DAY * HOUR)
        cap = caps[key]
        assert cap.hourly is None or buckets.get(NOON, 0) + count <= cap.hourly
        assert cap.daily is None or day + count <= cap.daily
    assert all(NOON < full.opens_at <= NOON + timedelta(days=1) for full in shares.refused.values())


@given(ASKED, CAPS, USED)
def test_who_waits_finds_room_at_the_hour_named_if_there_ever_is_any(asked, caps, used):
    messages = [Wanted(number, keys) for number, keys in enumerate(asked, 1)]
    shares = share_out(messages, hour=NOON, caps=caps, used=used)
    taken = Counter(key for one in messages if one.message_id in shares.admitted for key in one.keys)
    for full in shares.refused.values():
        buckets = dict(used.get(full.key, {}))
        buckets[NOON] = buckets.get(NOON, 0) + taken[full.key]
        cap = caps.get(full.key, Cap(0, 0))
        room = share_out(
            [Wanted(1, (full.key,))], hour=full.opens_at, caps={full.key: cap}, used={full.key: buckets}
        )
        assert room.admitted == (1,) or full.opens_at == NOON + DAY * HOUR


def test_a_bucket_is_a_whole_hour():
    assert whole_hour(NOON + timedelta(minutes=59, microseconds=1)) == NOON
