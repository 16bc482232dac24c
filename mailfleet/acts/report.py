"""The report: what came in, what went out, how each thing ended, and whether the books balance.

Its keys are documented in docs/report.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from db import report as books
from db.engine import Connection, Engine, transaction
from mailfleet.acts.keys import Keys
from mailfleet.acts.receipts import Receipt, contradictions, differences, duplicates, missing, read_receipts
from mailfleet.policy.lifecycle import State

ENDS = ("submitted", "delivered", "bounced", "refused", "dropped", "held", "expired", "unknown")
ACCEPTED = ("submitted", "delivered", "bounced", "unknown")
REASONS = (
    "no_address",
    "bad_syntax",
    "no_mx",
    "null_mx",
    "disposable",
    "no_basis",
    "region",
    "suppressed",
    "duplicate",
    "control_characters",
)
SUBMITTED_FLOOR = 1000

Report = dict[str, Any]


def report(engine: Engine, keys: Keys, *, receipts: Path | None, seconds: float, floors: bool) -> Report:
    """The whole report. With `receipts` the receivers' own count is compared; with `floors` the default
    demo's promises are checked as well. `books_balance` is false and `differences` says why otherwise.
    """
    seen = read_receipts(receipts, keys.tokens.keys) if receipts else []
    with transaction(engine) as conn:
        found = _counts(conn, seen)
        problems = [] if receipts is None else differences(books.entries(conn), seen)
    found["seconds"] = round(seconds, 1)
    found["messages_per_second"] = round(_accepted(found["messages"]) / seconds, 1) if seconds else 0.0
    problems += _imbalances(found) + (_below_floors(found) if floors else [])
    return found | {"books_balance": not problems, "differences": problems}


def unfinished_balance(engine: Engine, keys: Keys, receipts: Path) -> str:
    """One line on a run that was interrupted: what it left, and whether anything of it contradicts the receivers.

    A node that was killed may have lost what its queue held: accepted by us, never at a receiver, so it is counted apart.
    """
    seen = read_receipts(receipts, keys.tokens.keys)
    with transaction(engine) as conn:
        found, ledger = _counts(conn, seen), books.entries(conn)
    problems = _imbalances(found | {"messages": found["messages"] | {"total": _ended(found["messages"])}})
    problems += contradictions(ledger, seen)
    counts = ", ".join(f"{count} {state}" for state, count in found["messages"].items() if count)
    leads, lost = found["leads"], len(missing(ledger, seen))
    return (
        f"{leads['rows']} rows = {leads['accepted']} accepted + {leads['refused']} refused; messages: {counts}; "
        f"receivers counted {len(seen)}, {lost} were in the queues that ended; "
        f"{'balances' if not problems else 'DOES NOT BALANCE: ' + '; '.join(problems)}"
    )


def _ended(messages: dict[str, int]) -> int:
    return sum(messages[state] for state in ENDS)


def _counts(conn: Connection, seen: Sequence[Receipt]) -> Report:
    messages = books.messages(conn)
    states = Counter({state.value: 0 for state in State})
    for row in messages:
        states[row.state] += row.messages
    shown = {state: count for state, count in states.items() if count or state in ENDS}
    return {
        "leads": books.rows_of_files(conn)
        | {"not_written": books.not_written(conn), "flagged": books.flags(conn)},
        "refused": books.refusals(conn),
        "messages": shown | {"total": sum(states.values())},
        "enrolments": books.enrolment_ends(conn),
        "tenants": _tenants(messages, books.leads_by_tenant(conn)),
        "campaigns": _campaigns(messages, books.stopped_campaigns(conn)),
        "receivers": _receivers(messages, seen),
        "duplicates": duplicates(seen),
        "violations": books.violations(conn),
        "unknown": {"open": states["unknown"], "settled": books.unknown_settled(conn)},
        "not_understood": books.not_understood(conn),
    }


def _tenants(messages: Iterable[books.MessageCount], leads: dict[str, int]) -> Report:
    by_state: dict[str, Counter[str]] = defaultdict(Counter)
    for row in messages:
        by_state[row.tenant][row.state] += row.messages
    return {
        tenant: {"leads": count, "messages": dict(sorted(by_state[tenant].items()))}
        for tenant, count in leads.items()
    }


def _campaigns(messages: Iterable[books.MessageCount], stopped: dict[str, str]) -> Report:
    found: Report = {}
    for row in messages:
        campaign = found.setdefault(
            f"{row.tenant}/{row.campaign}", {"stopped": None, "steps": defaultdict(Counter)}
        )
        campaign["steps"][row.step][row.state] += row.messages
    for name, campaign in found.items():
        campaign["stopped"] = stopped.get(name)
        campaign["steps"] = {step: dict(sorted(states.items())) for step, states in campaign["steps"].items()}
    return found


def _receivers(messages: Iterable[books.MessageCount], seen: Iterable[Receipt]) -> Report:
    found: dict[str, Counter[str]] = defaultdict(
        lambda: Counter({"submitted": 0, "delivered": 0, "accepted_by_receiver": 0})
    )
    for row in messages:
        found[row.receiver][row.state] += row.messages
    for receipt in seen:
        found[receipt.receiver]["accepted_by_receiver"] += 1
    return {receiver: dict(sorted(counts.items())) for receiver, counts in sorted(found.items())}


def _imbalances(found: Report) -> list[str]:
    leads, messages = found["leads"], found["messages"]
    checks = [
        (
            leads["rows"] == leads["accepted"] + leads["refused"],
            "rows of the files are not accepted + refused",
        ),
        (leads["refused"] == sum(found["refused"].values()), "refused rows are not the sum of their reasons"),
        (messages["total"] == _ended(messages), _unfinished(messages)),
        *((not count, f"{count} sent twice, by {kind}") for kind, count in found["duplicates"].items()),
        *((not count, f"{count} begun for somebody {kind}") for kind, count in found["violations"].items()),
    ]
    return [sentence for holds, sentence in checks if not holds]


def _unfinished(messages: dict[str, int]) -> str:
    left = {
        state: count for state, count in messages.items() if state not in ENDS and state != "total" and count
    }
    return f"messages without an end: {left}"


def _below_floors(found: Report) -> list[str]:
    accepted = _accepted(found["messages"])
    return [
        *(
            []
            if accepted >= SUBMITTED_FLOOR
            else [f"only {accepted} submitted, the default run has at least {SUBMITTED_FLOOR}"]
        ),
        *(f"no message ended {state}" for state in ENDS if not found["messages"][state]),
        *(f"no row was refused for {reason}" for reason in REASONS if not found["refused"].get(reason)),
        *([] if found["unknown"]["settled"] else ["no unknown message was settled"]),
        *(
            []
            if any(campaign["stopped"] for campaign in found["campaigns"].values())
            else ["no campaign was stopped by a breaker"]
        ),
    ]


def _accepted(messages: dict[str, int]) -> int:
    return sum(messages[state] for state in ACCEPTED)
