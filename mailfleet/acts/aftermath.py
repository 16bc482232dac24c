"""What a batch of feedback has for consequences beyond its own messages, carried out together.

Everybody who writes verdicts, suppressions and incidents does so in this order and sorted, sending nodes too: two
transactions that concern the same people and campaigns wait for each other, and never in a circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from db import moves, persons, suppressions
from db.engine import Connection
from db.moves import Move
from db.persons import Person, Waiting
from db.suppressions import NewSuppression
from mailfleet.acts.consequences import ACTOR, Judged, after_complaint, after_reports, suppression_of
from mailfleet.acts.keys import Keys
from mailfleet.acts.suppress_everywhere import under_every_key
from mailfleet.policy.feedback import ENDS_BY_REASON, SUPPRESSES, Effect
from mailfleet.policy.lifecycle import Event, State
from mailfleet.policy.outcome import Verdict


@dataclass(frozen=True, order=True)
class End:
    """How a person's enrolments end, and why their waiting messages are dropped; of one tenant, or everywhere."""

    person_hash: bytes
    tenant_id: int
    ended: str
    reason: str
    everywhere: bool


@dataclass
class Aftermath:
    """Gathers what follows from a batch, until it is carried out."""

    judged: dict[int, Judged] = field(default_factory=dict)
    complained: list[Judged] = field(default_factory=list)
    suppressed: list[NewSuppression] = field(default_factory=list)
    ends: set[End] = field(default_factory=set)

    def judge(self, one: Judged, *, complained: bool) -> None:
        """A final word on a message; "accepted" gives way to any other, whichever came first."""
        before = self.judged.get(one.message_id)
        if before is None or before.verdict is Verdict.ACCEPTED:
            self.judged[one.message_id] = one
        if complained:
            self.complained.append(one)
        self._end_if_gone(one)

    def bar(self, one: Judged, *, now: datetime) -> None:
        """Nobody is at this address any more, which holds before the word on its message is final."""
        if new := suppression_of(one, now):
            self.suppressed.append(new)
        self._end_if_gone(one)

    def _end_if_gone(self, one: Judged) -> None:
        if reason := SUPPRESSES.get(one.verdict):
            ended = ENDS_BY_REASON[reason]
            self.ends.add(End(one.person_hash, one.tenant_id, ended, f"suppressed: {reason}", True))

    def person(self, person: Person, effect: Effect, *, address_hash: bytes | None) -> None:
        """What the person said, or did."""
        if effect.suppress:
            self.suppressed.append(NewSuppression(
                tenant_id=None if effect.everywhere else person.tenant_id, person_hash=person.person_hash,
                address_hash=address_hash if effect.everywhere else None, hash_key_id=suppressions.OF_THE_MESSAGE,
                reason=effect.suppress, evidence="feedback that carries our token", actor=ACTOR,
            ))  # fmt: skip
        if effect.ends:
            reason = f"suppressed: {effect.suppress}" if effect.suppress else effect.ends
            self.ends.add(End(person.person_hash, person.tenant_id, effect.ends, reason, effect.everywhere))


def carry_out(conn: Connection, keys: Keys, after: Aftermath, *, now: datetime) -> None:
    """Verdicts, suppressions, breakers; then the enrolments and waiting messages of the people concerned."""
    judged = list(after.judged.values())
    gone = [new for one in judged if (new := suppression_of(one, now))]
    after_reports(conn, judged, under_every_key(conn, keys, [*after.suppressed, *gone]), now=now)
    for one in sorted(after.complained, key=lambda judged: judged.message_id):
        after_complaint(conn, one, now=now)
    for end in sorted(after.ends):
        person = Person(end.tenant_id, end.person_hash)
        persons.end_enrolments(conn, person, ended=end.ended, everywhere=end.everywhere, now=now)
        drop(conn, persons.waiting(conn, person, everywhere=end.everywhere, reason=end.reason), now=now)


def drop(conn: Connection, waiting: Sequence[Waiting], *, now: datetime) -> int:
    """What no worker has taken yet is dropped, with its reason; what one has is stopped by its gate."""
    wanted = [Move(one.message_id, Event.DROP, State(one.state), one.reason) for one in waiting]
    return len(moves.move(conn, wanted, source="house", now=now))
