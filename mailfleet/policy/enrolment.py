"""One person in one campaign: which mailbox writes to them, and what a letter's fate means for the next one."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailfleet.policy.lifecycle import State


@dataclass(frozen=True)
class Waits:
    """The letter before is still on its way, or nobody knows where it is."""


@dataclass(frozen=True)
class GoesOn:
    """The next letter may be planned."""


@dataclass(frozen=True)
class Ends:
    """No more letters, and why."""

    ended: str


Fate = Waits | GoesOn | Ends

ARRIVED = frozenset({State.SUBMITTED, State.DELIVERED})
_ENDS = {State.BOUNCED: "bounced", State.REFUSED: "bounced", State.EXPIRED: "expired"}
# The first word of the gate's reason, where it is the reason of an end; anything else forbids writing for good.
_DROPPED = {"answered": "answered", "bounced": "bounced", "expired": "expired"}


def fate(state: State, reason: str | None, *, more: bool) -> Fate:
    """What becomes of the enrolment when its newest letter is in `state`; `more`: the campaign has a next one."""
    if state in ARRIVED:
        return GoesOn() if more else Ends("finished")
    if state is State.DROPPED:
        return Ends(_DROPPED.get((reason or "").partition(":")[0], "suppressed"))
    return Ends(_ENDS[state]) if state in _ENDS else Waits()


def least_loaded(leads: Sequence[int], loads: Mapping[int, int]) -> dict[int, int]:
    """A mailbox for each lead: always the one with the fewest people, of equals the first."""
    heap = [(load, mailbox) for mailbox, load in loads.items()]
    heapq.heapify(heap)
    chosen = {}
    for lead in leads if heap else ():
        load, mailbox = heap[0]
        heapq.heapreplace(heap, (load + 1, mailbox))
        chosen[lead] = mailbox
    return chosen
