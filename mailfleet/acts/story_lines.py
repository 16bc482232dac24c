"""Everything that happened to one person, as sentences in the order of business time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db import stories
from db.engine import Connection
from db.stories import Barred, Enrolment, Happening, Lead, Lifted, Message, Person, Refusal, Stopped, Try
from mailfleet.acts.suppress import domain_shown, person_shown


@dataclass(frozen=True)
class Line:
    """One sentence. `tenant` '' where it is said of every tenant; `at` None where only the order is known."""

    at: datetime | None
    tenant: str
    what: str
    about: str  # the campaign and step, where it is about a message


def of_person(
    conn: Connection, people: Sequence[Person], tenant: int | None, egresses: Mapping[int, str]
) -> list[Line]:
    """All lines of one person, in order."""
    messages = stories.messages(conn, people, tenant)
    names = {m.message_id: f"{m.campaign}/{m.step}" if m.campaign else m.kind for m in messages}
    told = [
        *map(_lead, stories.leads(conn, people, tenant)),
        *map(_refusal, stories.refusals(conn, people, tenant)),
        *_each(_enrolment, stories.enrolments(conn, people, tenant)),
        *_each(_message, messages),
        *(_try(row, names, egresses) for row in stories.tries(conn, people, tenant)),
        *(_happening(row, names) for row in stories.happenings(conn, people, tenant)),
        *_each(_stop, stories.stopped(conn, people, tenant)),
        *map(_suppression, stories.barred(conn, people, tenant)),
        *map(_lifting, [] if tenant else stories.lifted(conn, _subjects(people))),
    ]
    return sorted(told, key=lambda line: (line.at is None, line.at or datetime.max))


def _subjects(people: Sequence[Person]) -> set[str]:
    hashes = {person_shown(value) for person in people for value in person.hashes}
    return hashes | {domain_shown(person.domain) for person in people if person.domain}


def _each(say: Any, rows: Iterable[Any]) -> Iterator[Line]:
    for row in rows:
        yield from say(row)


def _refusal(row: Refusal) -> Line:
    return Line(
        row.taken_at, row.tenant, f"not taken in: {_words(row.reason)} ({row.file}, line {row.line})", ""
    )


def _lead(row: Lead) -> Line:
    doubts = f"; doubtful: {', '.join(row.flags)}" if row.flags else ""
    because = f"{row.basis}, {row.basis_source}, {row.basis_at}"
    what = f"taken in as a lead of {row.direction} from {row.file} (we may write: {because}); mail system {row.receiver}{doubts}"
    return Line(row.taken_at, row.tenant, what, "")


def _enrolment(row: Enrolment) -> Iterator[Line]:
    yield Line(row.enrolled_at, row.tenant, f"enrolled, writes from {row.mailbox}", row.campaign)
    if row.ended:
        yield Line(row.ended_at, row.tenant, f"enrolment ended: {row.ended}", row.campaign)


def _message(row: Message) -> Iterator[Line]:
    about = f"{row.campaign}/{row.step}" if row.campaign else row.kind
    planned = "planned" if row.attempt else f"planned for {row.due_at:%Y-%m-%d %H:%M} UTC"
    yield Line(row.planned_at, row.tenant, planned, about)
    until = f" until {row.hold_until:%Y-%m-%d %H:%M} UTC" if row.hold_until else ""
    reason = f": {row.reason}" if row.reason else ""
    yield Line(None, row.tenant, f"now {row.state}{until}{reason}", about)


def _try(row: Try, names: Mapping[int, str], egresses: Mapping[int, str]) -> Line:
    by = egresses.get(row.egress_id, f"egress {row.egress_id}")
    blames = f", about {row.about}" if row.about else ""
    late = " (seen after the worker had lost its lease)" if row.late else ""
    what = f"try {row.attempt} by {by}: {row.outcome}{blames}{_said(row.reply)}{late}"
    return Line(row.at, row.tenant, what, names.get(row.message_id, ""))


def _happening(row: Happening, names: Mapping[int, str]) -> Line:
    moved = f"{row.before} → {row.after}" if row.before != row.after else f"stays {row.after}"
    what = f"{_words(row.event)} ({_words(row.source)}): {moved}{_said(row.reply)}"
    return Line(row.at, row.tenant, what, names.get(row.message_id, ""))


def _stop(row: Stopped) -> Iterator[Line]:
    because = f", decided on {_evidence(row.evidence)}" if row.evidence else ""
    yield Line(
        row.since, row.tenant, f"its {row.scope} was stopped by {row.actor}: {row.reason}{because}", ""
    )
    if row.ended_at:
        yield Line(row.ended_at, row.tenant, f"the stop of its {row.scope} ended", "")


def _suppression(row: Barred) -> Line:
    until = f" until {row.expires_at:%Y-%m-%d}" if row.expires_at else ""
    whom = "the domain" if row.kind == "domain" else "the person"
    everywhere = "" if row.tenant else " for every tenant"
    what = f"{whom} is suppressed{everywhere}: {_words(row.reason)}{until} ({row.evidence}, by {row.actor})"
    return Line(row.since, row.tenant or "", what, "")


def _lifting(row: Lifted) -> Line:
    everywhere = "" if row.tenant else " for every tenant"
    consent = f"; new consent: {row.consent}" if row.consent else ""
    reasons = ", ".join(map(_words, row.reasons))
    what = f"suppression for {reasons} lifted by {row.actor}{everywhere}{consent}"
    return Line(row.at, row.tenant or "", what, "")


def _said(reply: str | None) -> str:
    return f" «{' '.join(reply.split())}»" if reply else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _evidence(evidence: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in evidence.items())
