"""What each piece of feedback does, as a table."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailfleet.policy.feedback import (
    EFFECTS,
    SUPPRESSES,
    Effect,
    Heard,
    expires,
    final_verdict,
    heard_of_report,
    of_this_try,
    written_by_our_node,
)
from mailfleet.policy.lifecycle import Event, State, next_state
from mailfleet.policy.outcome import Verdict

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)

TABLE = [
    # heard, event, suppressed for whom and why, how enrolments end and whose, taken by the receiver
    (Heard.DELIVERED, Event.DELIVER, None, None, True),
    (Heard.RETURNED, Event.RETURN_LATER, None, None, False),
    (Heard.LOST, Event.LOSE_LATER, None, None, False),
    (Heard.BOUNCED, Event.BOUNCE, None, None, False),  # its verdict decides
    (Heard.PULLED, Event.PULL, None, None, False),
    (Heard.SEEN, Event.EVIDENCE, None, None, False),
    (Heard.UNSUBSCRIBED, Event.EVIDENCE, ("tenant", "unsubscribe"), ("tenant", "suppressed"), False),
    (Heard.ANSWERED, Event.DELIVER, None, ("tenant", "answered"), True),
    (Heard.STOPPED, Event.DELIVER, ("tenant", "unsubscribe"), ("tenant", "suppressed"), True),
    (Heard.COMPLAINED, Event.DELIVER, ("all", "complaint"), ("all", "suppressed"), True),
]


@pytest.mark.parametrize(("heard", "event", "suppress", "ends", "accepted"), TABLE)
def test_each_has_its_effect(heard, event, suppress, ends, accepted):
    effect = EFFECTS[heard]
    whom = "all" if effect.everywhere else "tenant"
    assert (effect.event, effect.accepted) == (event, accepted)
    assert (whom, effect.suppress) == (suppress or (whom, None))
    assert (whom, effect.ends) == (ends or (whom, None))


def test_everything_that_can_be_heard_is_decided():
    assert {row[0] for row in TABLE} == set(Heard) == set(EFFECTS)
    for effect in EFFECTS.values():
        for state in State:
            next_state(state, effect.event)


@pytest.mark.parametrize(("action", "status", "lost", "ours", "heard"), [
    ("failed", "5.1.1", False, False, Heard.BOUNCED), ("failed", "5.1.1", False, True, Heard.BOUNCED),
    ("failed", "4.2.0", False, True, Heard.RETURNED), ("failed", "4.4.2", True, True, Heard.LOST),
    ("failed", "4.4.7", False, False, Heard.BOUNCED),  # a provider tried for days
    ("failed", "", False, True, Heard.BOUNCED), ("delivered", "2.0.0", False, False, Heard.DELIVERED),
    ("delayed", "4.4.1", False, False, Heard.SEEN), ("relayed", "2.1.9", False, False, Heard.SEEN),
    ("expanded", "2.1.5", False, False, Heard.SEEN), ("", "5.1.1", False, False, Heard.SEEN), ("nonsense", "", False, False, Heard.SEEN),
])  # fmt: skip
def test_only_a_failure_is_one(action, status, lost, ours, heard):
    assert heard_of_report(action, status, lost=lost, ours=ours) is heard


@pytest.mark.parametrize(("through_node", "state", "queue_id", "ours"), [
    (True, State.SUBMITTED, "KNOWN", True), (True, State.DELIVERED, "KNOWN", True),
    (True, State.UNKNOWN, "NEW", True),  # it overtook the log
    (True, State.DELIVERED, "NEW", False),  # a stranger's Postfix, which had taken it
    (True, State.SUBMITTED, "", False), (False, State.SUBMITTED, "KNOWN", False),
])  # fmt: skip
def test_who_wrote_a_report(through_node, state, queue_id, ours):
    assert (
        written_by_our_node(through_node=through_node, state=state, queue_id=queue_id, known={"KNOWN"})
        is ours
    )


@pytest.mark.parametrize(("heard", "state", "queue_id", "ref", "speaks"), [
    (Heard.RETURNED, State.SUBMITTED, "A", "A", True), (Heard.RETURNED, State.SUBMITTED, "A", "B", False),
    (Heard.RETURNED, State.UNKNOWN, "A", None, True), (Heard.RETURNED, State.UNKNOWN, "C", None, False),
    (Heard.RETURNED, State.UNKNOWN, "A", "B", False), (Heard.RETURNED, State.SUBMITTED, "A", None, False),
    (Heard.LOST, State.SUBMITTED, "A", "B", False), (Heard.PULLED, State.SUBMITTED, "A", "B", False),
    (Heard.DELIVERED, State.SUBMITTED, "A", "B", True),  # a final word is one, whichever try it is about
    (Heard.BOUNCED, State.SUBMITTED, "A", "B", True), (Heard.ANSWERED, State.SUBMITTED, "", "B", True),
])  # fmt: skip
def test_what_speaks_of_one_try_says_nothing_of_another(heard, state, queue_id, ref, speaks):
    assert of_this_try(EFFECTS[heard], state=state, queue_id=queue_id, queue_ref=ref, known={"A"}) is speaks


@pytest.mark.parametrize(("heard", "classified", "ours", "last_word", "verdict"), [
    (Heard.BOUNCED, Verdict.HARD, True, False, Verdict.HARD), (Heard.BOUNCED, Verdict.HARD, False, False, Verdict.SOFT),
    (Heard.BOUNCED, Verdict.INACTIVE, False, True, Verdict.SOFT), (Heard.BOUNCED, Verdict.BLOCK, False, False, Verdict.BLOCK),
    (Heard.BOUNCED, None, True, False, Verdict.SOFT), (Heard.BOUNCED, Verdict.ACCEPTED, True, False, Verdict.SOFT),
    (Heard.RETURNED, Verdict.SOFT, True, True, None), (Heard.LOST, None, True, True, None), (Heard.PULLED, None, True, True, None),
    (Heard.DELIVERED, Verdict.ACCEPTED, True, False, Verdict.ACCEPTED), (Heard.COMPLAINED, None, True, False, Verdict.ACCEPTED),
    (Heard.SEEN, None, True, False, None), (Heard.SEEN, None, True, True, Verdict.ACCEPTED),
    (Heard.UNSUBSCRIBED, None, True, False, None), (Heard.UNSUBSCRIBED, None, True, True, Verdict.ACCEPTED),
])  # fmt: skip
def test_what_the_breakers_count(heard, classified, ours, last_word, verdict):
    assert final_verdict(heard, classified, our_recipient=ours, last_word=last_word) is verdict


def test_only_dead_and_disabled_addresses_suppress_and_only_the_disabled_lapse():
    assert SUPPRESSES == {Verdict.HARD: "hard", Verdict.INACTIVE: "inactive"}
    assert (expires("hard", NOW), expires("inactive", NOW)) == (None, NOW + timedelta(days=180))


def test_no_other_effect_has_to_do_with_a_single_try():
    assert {heard for heard, effect in EFFECTS.items() if effect.about_the_try} == {
        Heard.RETURNED,
        Heard.LOST,
        Heard.PULLED,
    }
    assert not Effect(Event.BOUNCE).about_the_try
