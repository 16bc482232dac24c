"""Counts again what the receivers accepted and holds it against the report; shares no code with either.

python tests/recount.py --receipts DIR --report FILE [--explain FILE --behaviours FILE]
prints every difference and exits 1 when there is one.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

Json = dict[str, Any]
ARRIVED = frozenset(
    {"submitted", "delivered", "bounced", "unknown"}
)  # states in which a letter may have been taken
CERTAIN = ("submitted", "delivered")  # states in which it was


@dataclass(frozen=True)
class Receipt:
    """One letter that a receiver says it accepted."""

    receiver: str
    person: str
    message_id: str
    tenant: str
    campaign: str
    step: str

    @property
    def slot(self) -> tuple[str, str, str, str]:
        """What nobody may get twice: one step of one campaign."""
        return self.person, self.tenant, self.campaign, self.step


def person(address: str) -> str:
    """An address in small letters without a plus tag, its domain in A-labels."""
    local, at, domain = address.strip().lower().rpartition("@")
    if not at:
        return domain
    if not domain.isascii():
        domain = domain.encode("idna").decode("ascii")
    return f"{local.split('+', 1)[0]}@{domain}"


def read_receipts(directory: Path) -> tuple[list[Receipt], list[str]]:
    """The receipts of all receivers, and what is wrong with those that cannot be counted."""
    receipts, wrong = [], []
    for path in sorted(directory.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                receipts.append(receipt(json.loads(line), path.stem))
            except (ValueError, KeyError) as why:
                wrong.append(f"{path.name}:{number}: not a receipt of a campaign letter: {why!r}")
    return receipts, wrong


def receipt(row: Json, receiver: str) -> Receipt:
    """One line of a receipts file."""
    if row["receiver"] != receiver:
        raise ValueError(f"receiver {row['receiver']!r} in the file of {receiver}")
    head = BytesHeaderParser().parsebytes(base64.b64decode(row["data_b64"], validate=True))
    message_ids, feedback_ids = head.get_all("Message-ID", []), head.get_all("Feedback-ID", [])
    if len(message_ids) != 1 or len(feedback_ids) != 1:
        raise ValueError(f"{len(message_ids)} Message-ID and {len(feedback_ids)} Feedback-ID headers")
    campaign, step, tenant, _ = feedback_ids[0].strip().split(":")
    return Receipt(receiver, person(row["rcpt_to"]), message_ids[0].strip(), tenant, campaign, step)


def doubled(keys: Iterable[Any]) -> Counter[Any]:
    """How often too often each key comes."""
    return Counter({key: times - 1 for key, times in Counter(keys).items() if times > 1})


def duplicates(receipts: list[Receipt], report: Json) -> Iterator[str]:
    """Nothing twice, by Message-ID or by what the mail says it is; the report must have seen the same."""
    same_id, same_slot = doubled(r.message_id for r in receipts), doubled(r.slot for r in receipts)
    yield from (f"accepted twice: Message-ID {each}" for each in same_id)
    yield from (f"accepted twice: {' '.join(each)}" for each in same_slot)
    for key, counted in (("message_id", same_id.total()), ("recipient_step", same_slot.total())):
        if report["duplicates"][key] != counted:
            yield f"duplicates.{key}: report {report['duplicates'][key]}, counted {counted}"


def by_receiver(receipts: list[Receipt], report: Json) -> Iterator[str]:
    """Each receiver's own count is the report's, and fits the states of the ledger."""
    counted = Counter(r.receiver for r in receipts)
    for name in sorted({*counted, *report["receivers"]}):
        row = report["receivers"].get(name, {})
        said = row.get("accepted_by_receiver", 0)
        if said != counted[name]:
            yield f"receivers.{name}.accepted_by_receiver: report {said}, counted {counted[name]}"
        yield from bounds(f"receivers.{name}", counted[name], row)


def bounds(what: str, counted: int, states: Json) -> Iterator[str]:
    """What was surely taken was counted; beyond it only what bounced later or is unknown can have been."""
    least = sum(states.get(state, 0) for state in CERTAIN)
    most = sum(states.get(state, 0) for state in ARRIVED)
    if not least <= counted <= most:
        yield f"{what}: counted {counted}, the ledger allows {least} to {most}"


def by_campaign(receipts: list[Receipt], report: Json) -> Iterator[str]:
    """Each step of each campaign fits what the receivers counted."""
    counted = Counter((f"{r.tenant}/{r.campaign}", r.step) for r in receipts)
    said = {
        (name, step): row["steps"][step] for name, row in report["campaigns"].items() for step in row["steps"]
    }
    for name, step in sorted({*counted, *said}):
        yield from bounds(f"campaigns.{name}.steps.{step}", counted[name, step], said.get((name, step), {}))


def balances(report: Json) -> Iterator[str]:
    """The report adds up in itself and confesses nothing."""
    leads, refused, messages = report["leads"], sum(report["refused"].values()), report["messages"]
    states = sum(count for state, count in messages.items() if state != "total")
    for what, left, right in (
        ("rows = accepted + refused", leads["rows"], leads["accepted"] + refused),
        ("leads.refused = sum of refused", leads["refused"], refused),
        ("messages.total = sum of states", messages["total"], states),
        ("messages.unknown = unknown.open", messages.get("unknown", 0), report["unknown"]["open"]),
    ):
        if left != right:
            yield f"{what}: {left} is not {right}"
    yield from (f"violations.{kind}: {count}" for kind, count in report["violations"].items() if count)
    yield from (f"the report says: {each}" for each in report["differences"])
    if report["books_balance"] is not True:
        yield "books_balance is not true"


def read_patterns(path: Path) -> list[tuple[str, frozenset[str]]]:
    """The patterns of the behaviours table with the states they allow."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [
            (row["pattern"].lower(), frozenset(row["final_states"].split())) for row in csv.DictReader(lines)
        ]


def allowed(patterns: list[tuple[str, frozenset[str]]], address: str) -> frozenset[str]:
    """The states that a letter to this address may end in; the first pattern that matches decides."""
    local = re.sub(r"\+.*", "", (address.rpartition("@")[0] or address).strip().lower())
    return next((states for pattern, states in patterns if fnmatchcase(local, pattern)), frozenset())


def stories(lines: Iterable[str]) -> list[Json]:
    """The objects of `explain --json`, one a line."""
    return [json.loads(line) for line in lines if line.strip()]


def by_behaviour(told: list[Json], patterns: list[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """Every letter ended in a state its address allows, and nobody accepted was forgotten."""
    for story in told:
        states = allowed(patterns, story["address"])
        if not story["tenants"] and "none" not in states:
            yield f"{story['address']}: no tenant knows it"
        for tenant in story["tenants"]:
            for each in tenant["messages"]:
                if each["state"] not in states:
                    what = f"{each['campaign']} {each['step']} is {each['state']}"
                    yield f"{story['address']}: {what}, allowed {' '.join(sorted(states))}"
            if not tenant["messages"] and not tenant["refused"] and "none" not in states:
                yield f"{story['address']}: a lead of {tenant['tenant']} without any message"


def by_person(told: list[Json], receipts: list[Receipt]) -> Iterator[str]:
    """Every receipt has its message and every letter that surely arrived has its receipt."""
    ledger = {
        (person(story["address"]), tenant["tenant"], each["campaign"].rpartition("/")[2], each["step"]): each[
            "state"
        ]
        for story in told
        for tenant in story["tenants"]
        for each in tenant["messages"]
    }
    counted = {r.slot for r in receipts}
    for slot in sorted(counted):
        if ledger.get(slot) not in ARRIVED:
            yield f"{' '.join(slot)}: a receiver has it, the ledger says {ledger.get(slot, 'nothing')}"
    for slot, state in sorted(ledger.items()):
        if state in CERTAIN and slot not in counted:
            yield f"{' '.join(slot)}: {state}, but no receiver has it"


def differences(
    receipts: Path, report: Json, told: list[Json], patterns: list[tuple[str, frozenset[str]]]
) -> list[str]:
    """All that does not agree."""
    counted, wrong = read_receipts(receipts)
    found = [
        *wrong,
        *duplicates(counted, report),
        *by_receiver(counted, report),
        *by_campaign(counted, report),
    ]
    found += balances(report)
    if told:
        found += [*by_behaviour(told, patterns), *by_person(told, counted)]
    return found


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="recount", description=__doc__)
    parser.add_argument("--receipts", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--explain", type=Path)
    parser.add_argument("--behaviours", type=Path)
    given = parser.parse_args(arguments)
    if bool(given.explain) != bool(given.behaviours):
        parser.error("--explain and --behaviours go together")
    told = stories(given.explain.read_text(encoding="utf-8").splitlines()) if given.explain else []
    if given.explain and not told:
        parser.error(f"{given.explain} is empty")
    patterns = read_patterns(given.behaviours) if given.behaviours else []
    report = json.loads(given.report.read_text(encoding="utf-8"))
    found = differences(given.receipts, report, told, patterns)
    print(
        "\n".join(found)
        if found
        else f"{len(read_receipts(given.receipts)[0])} letters counted again: all agrees"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
