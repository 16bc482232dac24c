"""Plans: who enters a campaign, which letter is next, and when it leaves.

Three transactions, one planner at a time: what became of the letters so far, who enters, what is due.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db import allowances, clock, enrolments, plans
from db.allowances import Row
from db.engine import Connection, Engine, transaction
from db.enrolments import Open, Running
from db.plans import Booked, Slot, Step
from mailfleet.acts.campaigns import found
from mailfleet.acts.keys import Keys
from mailfleet.mail.ids import message_number
from mailfleet.policy.allowance import Key, whole_hour
from mailfleet.policy.batching import Due, Plan, place, working_days_later
from mailfleet.policy.enrolment import Ends, GoesOn, Waits, fate, least_loaded
from mailfleet.policy.lifecycle import State

AT_ONCE = 10_000
LOOK_AHEAD = timedelta(hours=12)
LIFETIME = timedelta(days=5)  # RFC 5321: senders give up after 4 to 5 days


@dataclass(frozen=True)
class Planned:
    """What a plan did: people who entered, messages planned, enrolments that ended, and what waits, with the reason."""

    enrolled: int
    planned: int
    ended: dict[str, int]
    waiting: dict[str, int]


def plan(
    engine: Engine, keys: Keys, *, campaign: str | None = None, until: datetime | None = None
) -> Planned:
    """Every step that is due until then has its message and slot, or a reason to wait. Raises Refused.

    Without `until` what comes due in the next hours is planned as well: a slot is never before its step is due.
    """
    ended = _settle(engine)
    with transaction(engine) as conn:
        if campaign is not None:
            found(conn, campaign)
        open_campaigns = enrolments.running(conn, campaign, now=clock.now(conn))
    entered = {one: _enrol(engine, one) for one in open_campaigns}
    planned, waiting = _plan(engine, keys, open_campaigns, until)
    waiting["no mailbox can take more people"] = sum(left for _, left in entered.values())
    return Planned(sum(new for new, _ in entered.values()), planned, dict(ended), _some(waiting))


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}


def _settle(engine: Engine) -> Mapping[str, int]:
    """Enrolments whose newest letter has met its fate: the next one gets its day, or the enrolment its end."""
    with transaction(engine) as conn:
        plans.one_at_a_time(conn)
        now = clock.now(conn)
        dues: dict[tuple[int, int], datetime] = {}
        ends: dict[tuple[int, int], str] = {}
        for one in enrolments.open_ones(conn):
            match fate(State(one.state), one.reason, more=one.delay_days is not None):
                case GoesOn():
                    dues[one.tenant_id, one.enrolment_id] = _next(one, now)
                case Ends(why):
                    ends[one.tenant_id, one.enrolment_id] = why
                case Waits():
                    pass
        enrolments.set_due(conn, dues)
        enrolments.end(conn, ends, now=now)
        return _some(Counter(ends.values()) + Counter(enrolments.end_from_outside(conn, now=now)))


def _next(one: Open, now: datetime) -> datetime:
    return working_days_later(one.submitted_at or now, one.delay_days or 0, one.time_zone)


def _enrol(engine: Engine, campaign: Running) -> tuple[int, int]:
    """The whole audience enters, some thousands at a time; how many did, and how many found no mailbox."""
    entered = 0
    while True:
        with transaction(engine) as conn:
            plans.one_at_a_time(conn)
            now = clock.now(conn)
            leads = enrolments.audience(conn, campaign, limit=AT_ONCE, now=now)
            chosen = least_loaded(leads, enrolments.loads(conn, campaign, now=now))
            entered += enrolments.enrol(conn, campaign, chosen, now=now)
        if not chosen or len(leads) < AT_ONCE:
            return entered, len(leads) - len(chosen)


def _plan(
    engine: Engine, keys: Keys, open_campaigns: Sequence[Running], until: datetime | None
) -> tuple[int, Counter[str]]:
    with transaction(engine) as conn:
        plans.one_at_a_time(conn)
        now = clock.now(conn)
        steps = plans.due(conn, [one.campaign_id for one in open_campaigns], until=until or now + LOOK_AHEAD)
        key = keys.tokens.keys[
            min(keys.tokens.keys)
        ]  # the oldest, as for Message-IDs: numbers outlive a change of keys
        numbered = {_number(key, step): step for step in steps}
        fits = _fits(conn, numbered, now, until)
        slots = [Slot(numbered[number], number, due_at, min(numbered[number].ends_at, due_at + LIFETIME))
                 for number, due_at in fits.placed.items()]  # fmt: skip
        return plans.plan(conn, slots, now=now), Counter(fits.waiting.values())


def _number(key: bytes, step: Step) -> int:
    return message_number(
        key, tenant=step.tenant, campaign=step.campaign, person=step.person_hash, step=step.step_key
    )


def _fits(conn: Connection, numbered: Mapping[int, Step], now: datetime, until: datetime | None) -> Plan:
    """Slots within what is left of every dimension, what is planned already counted in."""
    dues = [_due(number, step) for number, step in numbered.items()]
    rows = {
        Row(step.tenant_id, *key)
        for step, due in zip(numbered.values(), dues, strict=True)
        for key in due.keys
    }
    booked = plans.booked(conn, sorted({step.tenant_id for step in numbered.values()}))
    used = _with_booked(allowances.used(conn, rows, whole_hour(now)), booked, now)
    busy: dict[int, list[datetime]] = defaultdict(list)
    for one in booked:
        busy[one.mailbox_id].append(one.due_at)
    return place(dues, now=now, until=until, caps=allowances.caps(conn, rows), used=used, busy=busy)


def _due(number: int, step: Step) -> Due:
    return Due(
        number, step.tenant_id, step.campaign_id, step.domain_id, step.mailbox_id, step.time_zone, step.window_start,
        step.window_end, step.due_at, step.ends_at, follow_up=step.position > 1,
    )  # fmt: skip


def _with_booked(
    used: Mapping[Key, Mapping[datetime, int]], booked: Iterable[Booked], now: datetime
) -> dict[Key, Mapping[datetime, int]]:
    """What was due before counts in this hour: it leaves as soon as it can."""
    hours: dict[Key, Counter[datetime]] = defaultdict(Counter)
    for key, buckets in used.items():
        hours[key].update(buckets)
    for one in booked:
        for name in ("tenant", "campaign", "domain", "mailbox"):
            if (which := getattr(one, f"{name}_id")) is not None:
                hours[name, which][whole_hour(max(one.due_at, now))] += 1
    return dict(hours)
