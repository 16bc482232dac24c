"""What feedback does: how it moves the message, whom it suppresses, what it ends (laws 3 to 6)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailfleet.policy.lifecycle import Event, State
from mailfleet.policy.outcome import Verdict


class Heard(StrEnum):
    """What the world said of one message, whoever said it."""

    DELIVERED = "delivered"
    RETURNED = "returned"  # our node tried once, was told 4xx, and gave it back
    LOST = "lost"  # our node lost the line after the final dot
    BOUNCED = "bounced"  # not ever
    PULLED = "pulled"  # taken out of our node's queue
    SEEN = "seen"  # it arrived somewhere: an absence, a delay, a report that is no complaint
    UNSUBSCRIBED = "unsubscribed"
    ANSWERED = "answered"
    STOPPED = "stopped"  # answered that we must not write
    COMPLAINED = "complained"


@dataclass(frozen=True)
class Effect:
    """What follows. `ends`: how the person's enrolments of this tenant end; `everywhere`: those of all tenants do."""

    event: Event
    suppress: str | None = None
    everywhere: bool = False
    ends: str | None = None
    accepted: bool = False  # it proves that the receiver took it

    @property
    def about_the_try(self) -> bool:
        """Whether it speaks of one try of our node only, and says nothing of another."""
        return self.event in (Event.RETURN_LATER, Event.LOSE_LATER, Event.PULL)


EFFECTS: dict[Heard, Effect] = {
    Heard.DELIVERED: Effect(Event.DELIVER, accepted=True),
    Heard.RETURNED: Effect(Event.RETURN_LATER),
    Heard.LOST: Effect(Event.LOSE_LATER),
    Heard.BOUNCED: Effect(Event.BOUNCE),
    Heard.PULLED: Effect(Event.PULL),
    Heard.SEEN: Effect(Event.EVIDENCE),
    # "never again" is said to one client of ours; the others have their own basis to write
    Heard.UNSUBSCRIBED: Effect(Event.EVIDENCE, suppress="unsubscribe", ends="suppressed"),
    Heard.ANSWERED: Effect(Event.DELIVER, ends="answered", accepted=True),
    Heard.STOPPED: Effect(Event.DELIVER, suppress="unsubscribe", ends="suppressed", accepted=True),
    # who complains about one of us is written to by none of us
    Heard.COMPLAINED: Effect(
        Event.DELIVER, suppress="complaint", everywhere=True, ends="suppressed", accepted=True
    ),
}

# Only what speaks of the recipient may suppress, and for every tenant: an address that does not exist, exists for nobody.
SUPPRESSES = {Verdict.HARD: "hard", Verdict.INACTIVE: "inactive"}
_LASTS = {"inactive": timedelta(days=180)}  # a disabled mailbox comes back, an unknown one does not
ENDS_BY_REASON = {
    "hard": "bounced",
    "inactive": "bounced",
}  # how an enrolment ends, where it is not "suppressed"
AFTER_A_PULL = timedelta(hours=1)  # longer than a delivery that was under way can still take


def expires(reason: str, now: datetime) -> datetime | None:
    """When a suppression of this reason lapses; None: never."""
    lasts = _LASTS.get(reason)
    return now + lasts if lasts else None


def heard_of_report(action: str, status: str, *, lost: bool, ours: bool) -> Heard:
    """What a delivery report says. `ours`: our own node wrote it, which tries once: its 4xx is no last word.

    A provider, or a host that had taken the message, tried for days: there a 4xx is the end.
    """
    if action == "failed" and ours and status.startswith("4"):
        return Heard.LOST if lost else Heard.RETURNED
    return {"failed": Heard.BOUNCED, "delivered": Heard.DELIVERED}.get(action, Heard.SEEN)


def written_by_our_node(*, through_node: bool, state: State, queue_id: str, known: Collection[str]) -> bool:
    """Whether our own node wrote a report that names `queue_id`; `known` are the ids the message had there.

    A report can overtake the log that would tell us the id; but once the log said "sent", a stranger wrote it.
    """
    return through_node and (queue_id in known or (bool(queue_id) and state is not State.DELIVERED))


def of_this_try(
    effect: Effect,
    *,
    state: State,
    queue_id: str,
    queue_ref: str | None,
    known: Collection[str],
    arrived: bool = False,
) -> bool:
    """Whether feedback on one try of our node speaks of the message's last one; else it is recorded and moves nothing.

    `known`: the ids it had at the node, those of earlier tries left out. A lost line left no reference.
    `arrived`: the person's own side has answered this try. A 4xx or a lost line does not outweigh that, and a
    retry would write twice.
    """
    if arrived and effect.event in (Event.RETURN_LATER, Event.LOSE_LATER):
        return False
    if not effect.about_the_try or queue_id == queue_ref:
        return True
    return state is State.UNKNOWN and queue_ref is None and queue_id in known


def final_verdict(
    heard: Heard, classified: Verdict | None, *, our_recipient: bool, last_word: bool
) -> Verdict | None:
    """The verdict that the breakers count; None while there is none.

    `our_recipient` False: the report names somebody else, to whom our mail was passed on: nothing is proved of ours.
    `last_word`: the egress reports nothing after its 250, so a sign of life is all we get.
    """
    effect = EFFECTS[heard]
    if effect.accepted or (effect.event is Event.EVIDENCE and last_word):
        return Verdict.ACCEPTED
    if heard is not Heard.BOUNCED:
        return None
    if classified in (None, Verdict.ACCEPTED) or (classified in SUPPRESSES and not our_recipient):
        return Verdict.SOFT
    return classified
