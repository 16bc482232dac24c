"""Every pair of state and event is decided: a state, or a reason."""

import itertools

import pytest

from mailfleet.policy.lifecycle import IMPOSSIBLE, NEXT, STAYS, Event, Impossible, State, next_state

PAIRS = list(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda value: str(value))
def test_every_pair_is_decided_once(state, event):
    assert not ((state, event) in NEXT and (state, event) in STAYS)
    if (state, event) in NEXT:
        assert next_state(state, event) is NEXT[state, event] is not state
    elif (state, event) in STAYS:
        assert next_state(state, event) is state
        assert STAYS[state, event]
    else:
        with pytest.raises(Impossible, match=IMPOSSIBLE[event]):
            next_state(state, event)


def test_only_a_try_leads_to_submitted_without_evidence():
    assert [
        pair for pair, after in NEXT.items() if after is State.SUBMITTED and pair[1] is not Event.EVIDENCE
    ] == [(State.SENDING, Event.ACCEPT)]


def test_unknown_is_sent_again_only_when_it_was_found_absent():
    back = {
        event
        for (state, event), after in NEXT.items()
        if state is State.UNKNOWN and after in (State.PLANNED, State.DEFERRED)
    }
    assert back == {Event.ABSENT, Event.RETURN_LATER}


def test_nothing_leads_out_of_bounced_and_refused():
    assert not [pair for pair in NEXT if pair[0] in (State.BOUNCED, State.REFUSED)]
