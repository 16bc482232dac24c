"""Takes a lead file in: every row becomes a lead, is known already, or is refused with a reason.

The file is read twice: first to see that all of it can be read and to ask the DNS of each domain once,
then in one transaction, so that a file is taken in whole or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from db import audit, clock, imports
from db.engine import Connection, Engine, transaction
from db.imports import RefusedRow, Staged
from mailfleet.acts.keys import Keys
from mailfleet.acts.lead_files import FileRefused, LeadFile, frames, open_leads
from mailfleet.acts.lead_rows import NoDirection, Terms, domains, hashes, judged
from mailfleet.acts.lead_text import form
from mailfleet.acts.refused import Refused
from mailfleet.acts.tenants import known
from mailfleet.policy.address_tables import WELL_KNOWN
from mailfleet.probes.dns import Exchange, exchanges

__all__ = ["FileRefused", "Intake", "take_leads"]


@dataclass(frozen=True)
class Intake:
    """The books of one import: rows = accepted + refused, known ones are among the accepted."""

    import_id: int
    rows: int
    accepted: int
    known: int
    refused: dict[str, int]
    flagged: dict[str, int]


@dataclass(frozen=True)
class _Order:
    """What was asked for, looked up."""

    leads: LeadFile
    tenant: str
    tenant_id: int
    terms: Terms
    actor: str


def take_leads(
    engine: Engine, keys: Keys, *, file: Path, tenant: str, direction: str | None, actor: str,
    servers: tuple[str, ...], regions: frozenset[str], well_known: frozenset[str] = frozenset(),
) -> Intake:  # fmt: skip
    """Everything of the file is in the ledger afterwards, or nothing. Raises FileRefused and Refused.

    `well_known` are domains, beside the built-in ones, of which a near miss is flagged as a likely typo.
    """
    leads = open_leads(file)
    with transaction(engine) as conn:
        order = _order(conn, keys, leads, tenant, direction, actor, regions, WELL_KNOWN | well_known)
    answers = asyncio.run(exchanges(_domains(order), servers))
    with transaction(engine) as conn:
        return _take(conn, order, answers)


def _order(
    conn: Connection, keys: Keys, leads: LeadFile, tenant: str, direction: str | None, actor: str,
    regions: frozenset[str], well_known: frozenset[str],
) -> _Order:  # fmt: skip
    tenant_id = known(conn, tenant).tenant_id
    lines = imports.directions(conn, tenant_id)
    by_name = {line.name.casefold(): line.direction_id for line in lines} | {
        line.slug: line.direction_id for line in lines
    }
    if direction is not None and direction not in by_name:
        raise Refused(
            f"{tenant} has no direction {direction}: it has {', '.join(line.slug for line in lines) or 'none'}"
        )
    today = clock.now(conn).date()
    terms = Terms(today, regions, well_known, by_name, by_name.get(direction or ""), keys.hashes)
    return _Order(leads, tenant, tenant_id, terms, actor)


def _domains(order: _Order) -> set[str]:
    """Each domain that must be asked about; on the way every line of the file is read and found good."""
    found: set[str] = set()
    rows = 0
    for frame in frames(order.leads):
        rows += len(frame)
        with _refusing(order):
            found |= domains(frame, order.terms)
    if not rows:
        raise FileRefused(order.leads.path, "has a header and no rows")
    return found


def _chunks(order: _Order, answers: Mapping[str, Exchange]) -> Iterator[list[Staged | RefusedRow]]:
    for frame in frames(order.leads):
        with _refusing(order):
            chunk = list(judged(frame, order.terms, answers))
        yield chunk


@contextmanager
def _refusing(order: _Order) -> Iterator[None]:
    """A row that belongs nowhere refuses the file: nobody but its author knows what was meant."""
    try:
        yield
    except NoDirection as problem:
        named = (
            f"names the direction '{problem.named}', which"
            if problem.named
            else "names no direction, and --direction"
        )
        raise FileRefused(
            order.leads.path, f"{named} is not one of {order.tenant}'s", line=problem.line
        ) from None


def _take(conn: Connection, order: _Order, answers: Mapping[str, Exchange]) -> Intake:
    now, leads = clock.now(conn), order.leads
    file = imports.File(leads.path.name, leads.form.sha256, leads.form.encoding, leads.delimiter)
    import_id = imports.begin(
        conn,
        tenant_id=order.tenant_id,
        direction_id=order.terms.direction,
        file=file,
        actor=order.actor,
        now=now,
    )
    rows = sum(_take_chunk(conn, order, import_id, chunk, now) for chunk in _chunks(order, answers))
    if form(leads.path) != leads.form:
        raise FileRefused(leads.path, "was changed while it was read: take it in again")
    settled = imports.settle(
        conn,
        tenant_id=order.tenant_id,
        import_id=import_id,
        hash_key_id=order.terms.hashes.current[0],
        now=now,
    )
    accepted = settled.new + settled.known
    imports.close(
        conn,
        tenant_id=order.tenant_id,
        import_id=import_id,
        rows=rows,
        accepted=accepted,
        known=settled.known,
    )
    refused = imports.refusals(conn, tenant_id=order.tenant_id, import_id=import_id)
    taken = Intake(import_id, rows, accepted, settled.known, refused, settled.flagged)
    audit.append(
        conn, actor=order.actor, act="leads taken", subject=f"tenant {order.tenant}",
        details={"file": leads.path.name, "sha256": leads.form.sha256.hex(), **asdict(taken)},
    )  # fmt: skip
    return taken


def _take_chunk(
    conn: Connection, order: _Order, import_id: int, chunk: Sequence[Staged | RefusedRow], now: datetime
) -> int:
    """Stores one chunk, the suppressed among the refused, and says how many rows it had."""
    good = [row for row in chunk if isinstance(row, Staged)]
    barred = imports.suppressed(
        conn, tenant_id=order.tenant_id, now=now, domains={row.domain for row in good},
        hashes={one for row in good for one in hashes(row, order.terms)},
    )  # fmt: skip
    is_barred = {
        row.line: row.domain in barred.domains or not barred.hashes.isdisjoint(hashes(row, order.terms))
        for row in good
    }
    refused = [row for row in chunk if isinstance(row, RefusedRow)]
    refused += [RefusedRow(row.line, "suppressed", row.address_hash) for row in good if is_barred[row.line]]
    imports.stage(conn, [row for row in good if not is_barred[row.line]])
    imports.refuse(conn, tenant_id=order.tenant_id, import_id=import_id, rows=refused)
    return len(chunk)
