"""Why a person got or did not get a mail: the story of an address over all tenants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from db import fleet, stories
from db.engine import Engine, transaction
from db.stories import Lead, Message, Person, Refusal
from mailfleet.acts.keys import Keys
from mailfleet.acts.story_lines import Line, of_person
from mailfleet.mail.ids import keyed_hash
from mailfleet.policy.address import Parsed, parse, person

AT_ONCE = 500


@dataclass(frozen=True)
class OfTenant:
    """What one tenant has of the person."""

    tenant: str
    lead: Lead | None
    refused: list[Refusal]
    messages: list[Message]


@dataclass(frozen=True)
class Story:
    """An address as it was asked for, and what each tenant that met it has."""

    address: str
    tenants: list[OfTenant]

    def as_json(self) -> dict[str, Any]:
        """The shape that docs/commands.md describes."""
        return {"address": self.address, "tenants": [_tenant_json(tenant) for tenant in self.tenants]}


def explain(
    engine: Engine, keys: Keys, addresses: Iterable[str], *, tenant: int | None = None
) -> Iterator[Story]:
    """The story of each address, in the order asked; some hundred addresses a transaction."""
    asked = (address for line in addresses if (address := line.strip()))
    while some := list(islice(asked, AT_ONCE)):
        people = [_person(keys, address) for address in some]
        with transaction(engine, tenant=tenant) as conn:
            leads = stories.leads(conn, people, tenant)
            refusals = stories.refusals(conn, people, tenant)
            messages = stories.messages(conn, people, tenant)
        yield from _stories(some, leads, refusals, messages)


def tell(engine: Engine, keys: Keys, address: str, *, tenant: int | None = None) -> tuple[Story, list[Line]]:
    """One address with everything that happened, in order. A tenant's own session does not see egresses' names."""
    (story,) = explain(engine, keys, [address], tenant=tenant)
    people = [_person(keys, address)]
    with transaction(engine, tenant=tenant) as conn:
        names = {} if tenant else fleet.egress_names(conn)
        lines = of_person(conn, people, tenant, names)
    return story, lines


def _person(keys: Keys, text: str) -> Person:
    """A text that is no address is still found among the refused rows."""
    found = parse(text)
    plain, domain = (found.address, found.domain) if isinstance(found, Parsed) else (found.plain, "")
    same = {plain, person(plain)} if domain else {plain}
    return Person(
        tuple(keyed_hash(key, one) for key in keys.hashes.keys.values() for one in sorted(same)), domain
    )


def _stories(
    addresses: Sequence[str], leads: list[Lead], refusals: list[Refusal], messages: list[Message]
) -> Iterator[Story]:
    known: list[dict[str, OfTenant]] = [{} for _ in addresses]
    rows: list[Lead | Refusal | Message] = [*leads, *refusals, *messages]
    for row in rows:
        of = known[row.asked].setdefault(row.tenant, OfTenant(row.tenant, None, [], []))
        known[row.asked][row.tenant] = _with(of, row)
    for address, tenants in zip(addresses, known, strict=True):
        yield Story(address, [tenants[slug] for slug in sorted(tenants)])


def _with(of: OfTenant, row: Lead | Refusal | Message) -> OfTenant:
    match row:
        case Lead():
            return OfTenant(of.tenant, row, of.refused, of.messages)
        case Refusal():
            return OfTenant(of.tenant, of.lead, [*of.refused, row], of.messages)
        case Message():
            return OfTenant(of.tenant, of.lead, of.refused, [*of.messages, row])


def _tenant_json(of: OfTenant) -> dict[str, Any]:
    lead = of.lead and {
        "direction": of.lead.direction, "receiver": of.lead.receiver, "flags": of.lead.flags, "file": of.lead.file,
        "basis": of.lead.basis, "taken_at": of.lead.taken_at.isoformat(),
    }  # fmt: skip
    return {
        "tenant": of.tenant,
        "lead": lead,
        "refused": [{"reason": row.reason, "file": row.file, "line": row.line} for row in of.refused],
        "messages": [
            {"campaign": m.campaign, "step": m.step, "state": m.state, "reason": m.reason}
            for m in of.messages
        ],
    }
