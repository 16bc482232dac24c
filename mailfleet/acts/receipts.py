"""Reads what the receivers of a demo counted, and sets it against the ledger."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from db.report import Entry
from mailfleet.mail.ids import read_message_id
from mailfleet.mail.received import Received, read

ARRIVED = frozenset({"submitted", "delivered"})
MAY_HAVE_ARRIVED = ARRIVED | {"bounced", "unknown"}


@dataclass(frozen=True)
class Receipt:
    """One message that one receiver accepted."""

    receiver: str
    message_id: int | None  # the ledger's, None where the header is not ours
    mail: Received


def read_receipts(folder: Path, keys: Mapping[int, bytes]) -> list[Receipt]:
    """Every receipt of every receiver; an unfinished last line (a killed sandbox) is left out."""
    return [receipt for file in sorted(folder.glob("*.jsonl")) for receipt in _of_file(file, keys)]


def _of_file(file: Path, keys: Mapping[int, bytes]) -> Iterator[Receipt]:
    for line in file.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            row = json.loads(line)
            mail = read(base64.b64decode(row["data_b64"]), row["rcpt_to"])
            yield Receipt(row["receiver"], read_message_id(keys, mail.message_id), mail)


def duplicates(receipts: Iterable[Receipt]) -> dict[str, int]:
    """How many messages came more than once: by Message-ID, and by (recipient, campaign, step)."""
    seen = list(receipts)
    return {
        "message_id": _surplus(receipt.mail.message_id for receipt in seen),
        "recipient_step": _surplus((r.mail.recipient, r.mail.campaign, r.mail.step) for r in seen),
    }


def _surplus(keys: Iterable[object]) -> int:
    return sum(count - 1 for count in Counter(keys).values())


def differences(entries: Iterable[Entry], receipts: Iterable[Receipt]) -> list[str]:
    """Sentences on every message where the ledger and the receivers disagree; `unknown` is apart."""
    ledger, seen = list(entries), list(receipts)
    lost = [
        f"message {e.message_id} is {e.state} here, but {e.receiver} never got it"
        for e in missing(ledger, seen)
    ]
    return lost + contradictions(ledger, seen)


def missing(entries: Iterable[Entry], receipts: Iterable[Receipt]) -> list[Entry]:
    """Messages that the ledger says were accepted, and that no receiver counted."""
    arrived = {receipt.message_id for receipt in receipts}
    return [entry for entry in entries if entry.state in ARRIVED and entry.message_id not in arrived]


def contradictions(entries: Iterable[Entry], receipts: Iterable[Receipt]) -> list[str]:
    """Sentences on messages that a receiver counted and the ledger says never left, or does not know."""
    ledger = {entry.message_id: entry for entry in entries}
    arrived = {receipt.message_id: receipt for receipt in receipts}
    return [
        line
        for number, receipt in arrived.items()
        if (line := _contradiction(ledger.get(number or 0), receipt))
    ]


def _contradiction(entry: Entry | None, receipt: Receipt) -> str | None:
    if entry is None:
        return f"{receipt.receiver} got a message that is not in the ledger: {receipt.mail.message_id}"
    if entry.state not in MAY_HAVE_ARRIVED:
        return f"{receipt.receiver} got message {entry.message_id}, which is {entry.state} here"
    if entry.receiver != receipt.receiver:
        return f"message {entry.message_id} went to {receipt.receiver}, the ledger says {entry.receiver}"
    return None
