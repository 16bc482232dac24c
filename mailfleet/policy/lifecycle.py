"""The life of a message: one table of (state, event) → state, every pair decided.

A pair that is missing from NEXT is either in STAYS (the event changes nothing, with the reason)
or impossible, with the reason why. `next_state` never guesses.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    PLANNED = "planned"
    CLAIMED = "claimed"
    SENDING = "sending"
    DEFERRED = "deferred"
    HELD = "held"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    REFUSED = "refused"
    DROPPED = "dropped"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Event(StrEnum):
    # our own doing
    CLAIM = "claim"  # a worker took it into its batch
    RELEASE = "release"  # the batch gave it back unbegun: worker dead, wave over, no allowance
    BEGIN = "begin"  # committed just before its first byte
    DROP = "drop"  # the gate said never: suppressed, answered, no basis
    HOLD = "hold"  # the gate said not while a stop lasts
    UNHOLD = "unhold"  # the stop ended
    EXPIRE = "expire"  # its time passed
    # how a try ended
    ACCEPT = "accept"
    DEFER = "defer"
    REFUSE = "refuse"
    LOSE = "lose"  # line lost after the body, or the worker died while sending
    # what the world reported later
    EVIDENCE = "evidence"  # a node's queue took it over, or our token came back: it was accepted
    ABSENT = "absent"  # queue and log searched past the try: it never arrived there
    DELIVER = "deliver"
    RETURN_LATER = "return_later"  # our node tried once, got a 4xx, and gave it back
    BOUNCE = "bounce"
    LOSE_LATER = "lose_later"  # our node lost the line after the final dot
    PULL = "pull"  # taken out of our node's queue undelivered: a stop, or the person is suppressed


_S, _E = State, Event

NEXT: dict[tuple[State, Event], State] = {
    (_S.PLANNED, _E.CLAIM): _S.CLAIMED,
    (_S.PLANNED, _E.DROP): _S.DROPPED,
    (_S.PLANNED, _E.HOLD): _S.HELD,
    (_S.PLANNED, _E.EXPIRE): _S.EXPIRED,
    (_S.PLANNED, _E.EVIDENCE): _S.SUBMITTED,  # a restored ledger: the node sent it after the backup
    (_S.PLANNED, _E.DELIVER): _S.DELIVERED,  # the same, with the final word
    (_S.PLANNED, _E.BOUNCE): _S.BOUNCED,  # the same
    (_S.DEFERRED, _E.CLAIM): _S.CLAIMED,
    (_S.DEFERRED, _E.DROP): _S.DROPPED,
    (_S.DEFERRED, _E.HOLD): _S.HELD,
    (_S.DEFERRED, _E.EXPIRE): _S.EXPIRED,
    (_S.DEFERRED, _E.DELIVER): _S.DELIVERED,  # the 4xx was wrong: it was delivered all the same
    (_S.DEFERRED, _E.EVIDENCE): _S.SUBMITTED,  # likewise: our token came back
    (_S.DEFERRED, _E.BOUNCE): _S.BOUNCED,
    (_S.CLAIMED, _E.RELEASE): _S.PLANNED,
    (_S.CLAIMED, _E.BEGIN): _S.SENDING,
    (_S.CLAIMED, _E.DROP): _S.DROPPED,
    (_S.CLAIMED, _E.HOLD): _S.HELD,
    (_S.CLAIMED, _E.EXPIRE): _S.EXPIRED,
    (_S.SENDING, _E.ACCEPT): _S.SUBMITTED,
    (_S.SENDING, _E.DEFER): _S.DEFERRED,
    (_S.SENDING, _E.REFUSE): _S.REFUSED,
    (_S.SENDING, _E.LOSE): _S.UNKNOWN,
    (_S.HELD, _E.UNHOLD): _S.PLANNED,
    (_S.HELD, _E.DROP): _S.DROPPED,
    (_S.HELD, _E.EXPIRE): _S.EXPIRED,
    (_S.HELD, _E.EVIDENCE): _S.SUBMITTED,  # deferred, then held, and the 4xx was wrong
    (_S.HELD, _E.DELIVER): _S.DELIVERED,
    (_S.HELD, _E.BOUNCE): _S.BOUNCED,
    (_S.SUBMITTED, _E.DELIVER): _S.DELIVERED,
    (_S.SUBMITTED, _E.BOUNCE): _S.BOUNCED,
    (_S.SUBMITTED, _E.RETURN_LATER): _S.DEFERRED,
    (_S.SUBMITTED, _E.LOSE_LATER): _S.UNKNOWN,
    (_S.SUBMITTED, _E.PULL): _S.HELD,  # if a delivery was under way all the same, DELIVER still follows
    (_S.DELIVERED, _E.BOUNCE): _S.BOUNCED,  # accepted by the first hop, refused by the next
    (_S.UNKNOWN, _E.EVIDENCE): _S.SUBMITTED,
    (_S.UNKNOWN, _E.DELIVER): _S.DELIVERED,
    (_S.UNKNOWN, _E.BOUNCE): _S.BOUNCED,
    (_S.UNKNOWN, _E.RETURN_LATER): _S.DEFERRED,  # our node's log has the last word of that try
    (_S.UNKNOWN, _E.ABSENT): _S.PLANNED,
    (_S.UNKNOWN, _E.PULL): _S.HELD,  # it had arrived at our node, and was found in its queue
    (_S.EXPIRED, _E.EVIDENCE): _S.SUBMITTED,  # deferred until its time passed, and the 4xx was wrong
    (_S.EXPIRED, _E.DELIVER): _S.DELIVERED,
    (_S.EXPIRED, _E.BOUNCE): _S.BOUNCED,
    (_S.DROPPED, _E.EVIDENCE): _S.SUBMITTED,  # likewise: dropped while it waited for a retry
    (_S.DROPPED, _E.DELIVER): _S.DELIVERED,
    (_S.DROPPED, _E.BOUNCE): _S.BOUNCED,
}

_FINAL_WORD = "a final word from the world is not taken back by a weaker one"
# What they say of the person counts at once: the begin, and the next claim, read it.
_AFTER_THE_BATCH = "it waits in the inbox until the message has left the batch; the person is heard at once"
_AFTER_THE_TRY = "it waits in the inbox until the worker has recorded its try; the person is heard at once"
_WHICH_TRY = "it waits in the inbox until the worker has recorded its try: only then is it known of which one it speaks"
_NOT_OURS_ANY_MORE = "what was begun is theirs: only what they report moves it"

STAYS: dict[tuple[State, Event], str] = {
    (_S.SUBMITTED, _E.EVIDENCE): "already known to be accepted",
    (_S.DELIVERED, _E.EVIDENCE): "already known to be accepted",
    (_S.BOUNCED, _E.EVIDENCE): _FINAL_WORD,
    (_S.REFUSED, _E.EVIDENCE): "they refused it; a token that comes back was read elsewhere",
    (_S.DELIVERED, _E.DELIVER): "reported by the log and again by a DSN",
    (_S.BOUNCED, _E.DELIVER): "a forwarder's success after a failure: the person did not get it from us",
    (_S.REFUSED, _E.DELIVER): "they refused it; a delivery of something else with our id",
    (_S.BOUNCED, _E.BOUNCE): "reported by the log and again by a DSN",
    (_S.REFUSED, _E.BOUNCE): "refused on the line and returned as well",
    (_S.DELIVERED, _E.RETURN_LATER): _FINAL_WORD,
    (_S.BOUNCED, _E.RETURN_LATER): _FINAL_WORD,
    (_S.REFUSED, _E.RETURN_LATER): _FINAL_WORD,
    (_S.PLANNED, _E.RETURN_LATER): "an earlier try's report: it is planned again already",
    (_S.DEFERRED, _E.RETURN_LATER): "reported by the log and again by a DSN",
    (_S.HELD, _E.RETURN_LATER): "an earlier try's report",
    (_S.DROPPED, _E.RETURN_LATER): "an earlier try's report",
    (_S.EXPIRED, _E.RETURN_LATER): "an earlier try's report",
    (
        _S.CLAIMED,
        _E.RETURN_LATER,
    ): "it waits in the inbox until the message has left the batch: an earlier try's report",
    (_S.SENDING, _E.RETURN_LATER): _WHICH_TRY,
    (_S.CLAIMED, _E.EVIDENCE): _AFTER_THE_BATCH,
    (_S.CLAIMED, _E.DELIVER): _AFTER_THE_BATCH,
    (_S.CLAIMED, _E.BOUNCE): _AFTER_THE_BATCH,
    (_S.SENDING, _E.EVIDENCE): _AFTER_THE_TRY,
    (_S.SENDING, _E.DELIVER): _AFTER_THE_TRY,
    (_S.SENDING, _E.BOUNCE): _AFTER_THE_TRY,
    (_S.UNKNOWN, _E.LOSE_LATER): "unknown already",
    (_S.DELIVERED, _E.LOSE_LATER): _FINAL_WORD,
    (_S.BOUNCED, _E.LOSE_LATER): _FINAL_WORD,
    (_S.REFUSED, _E.LOSE_LATER): _FINAL_WORD,
    (_S.DEFERRED, _E.LOSE_LATER): "an earlier try's report",
    (_S.PLANNED, _E.LOSE_LATER): "an earlier try's report",
    (_S.HELD, _E.LOSE_LATER): "an earlier try's report",
    (_S.DROPPED, _E.LOSE_LATER): "an earlier try's report",
    (_S.EXPIRED, _E.LOSE_LATER): "an earlier try's report",
    (
        _S.CLAIMED,
        _E.LOSE_LATER,
    ): "it waits in the inbox until the message has left the batch: an earlier try's report",
    (_S.SENDING, _E.LOSE_LATER): _WHICH_TRY,
    (_S.DELIVERED, _E.PULL): "it left while it was taken out",
    (_S.BOUNCED, _E.PULL): "it was answered while it was taken out",
    (_S.REFUSED, _E.PULL): _FINAL_WORD,
    (_S.PLANNED, _E.PULL): "an earlier try's report",
    (_S.DEFERRED, _E.PULL): "returned by the node before it was taken out",
    (_S.HELD, _E.PULL): "reported twice",
    (_S.DROPPED, _E.PULL): "reported twice",
    (_S.EXPIRED, _E.PULL): "an earlier try's report",
    (
        _S.CLAIMED,
        _E.PULL,
    ): "it waits in the inbox until the message has left the batch: an earlier try's report",
    (_S.SENDING, _E.PULL): _WHICH_TRY,
}

_NOT_UNKNOWN = "only an unknown message can be found absent"
_NOT_ON_THE_LINE = "only a message on the line gets a reply"
_NOT_IN_A_BATCH = "only a claimed message can be begun or given back"
_NOT_WAITING = "only a waiting message can be claimed"
_NOT_HELD = "only a held message can be let go"
_ENDED = "it has ended"
_ON_THE_LINE = "it is on the line: its outcome comes first"

IMPOSSIBLE: dict[Event, str] = {
    _E.CLAIM: _NOT_WAITING,
    _E.RELEASE: _NOT_IN_A_BATCH,
    _E.BEGIN: _NOT_IN_A_BATCH,
    _E.DROP: _NOT_OURS_ANY_MORE,
    _E.HOLD: _NOT_OURS_ANY_MORE,
    _E.UNHOLD: _NOT_HELD,
    _E.EXPIRE: _NOT_OURS_ANY_MORE,
    _E.ACCEPT: _NOT_ON_THE_LINE,
    _E.DEFER: _NOT_ON_THE_LINE,
    _E.REFUSE: _NOT_ON_THE_LINE,
    _E.LOSE: _NOT_ON_THE_LINE,
    _E.ABSENT: _NOT_UNKNOWN,
}


class Impossible(Exception):
    """This event cannot happen to a message in this state; the text says why."""


def next_state(state: State, event: Event) -> State:
    """The state after `event`; the same one where the event changes nothing. Raises Impossible with the reason."""
    if (state, event) in NEXT:
        return NEXT[state, event]
    if (state, event) in STAYS:
        return state
    raise Impossible(f"{event} of a {state} message: {IMPOSSIBLE[event]}")
