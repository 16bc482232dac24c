"""The receivers' own count against the ledger: every way in which the two can disagree is found and named."""

import base64
import json
from pathlib import Path

import pytest

from db.report import Entry
from mailfleet.acts.receipts import Receipt, differences, duplicates, read_receipts
from mailfleet.mail.ids import message_id
from mailfleet.mail.received import Received

KEYS = {1: bytes(range(32))}


def receipt(
    number: int | None = 1,
    receiver: str = "gmail",
    recipient: str = "anna@gmail-post.example",
    step: str = "intro",
) -> Receipt:
    return Receipt(receiver, number, Received(f"<{number}@x.example>", recipient, "spring", step))


def entry(number: int = 1, state: str = "delivered", receiver: str = "gmail") -> Entry:
    return Entry(number, receiver, state)


@pytest.mark.parametrize("state", ["submitted", "delivered", "bounced", "unknown"])
def test_a_message_that_arrived_may_be_accepted_returned_or_unknown(state: str) -> None:
    assert differences([entry(state=state)], [receipt()]) == []


@pytest.mark.parametrize("state", ["planned", "deferred", "refused", "dropped", "held", "expired"])
def test_a_message_that_arrived_cannot_be_one_that_never_left(state: str) -> None:
    assert differences([entry(state=state)], [receipt()]) == [f"gmail got message 1, which is {state} here"]


@pytest.mark.parametrize(
    ("state", "missed"),
    [("submitted", True), ("delivered", True), ("bounced", False), ("unknown", False), ("held", False)],
)
def test_a_message_that_was_accepted_must_have_arrived(state: str, missed: bool) -> None:
    assert bool(differences([entry(state=state)], [])) is missed


def test_mail_that_the_ledger_does_not_know_is_named() -> None:
    assert differences([], [receipt(number=None)]) == [
        "gmail got a message that is not in the ledger: <None@x.example>"
    ]


def test_mail_at_another_receiver_than_the_ledger_says_is_named() -> None:
    assert differences([entry(receiver="yandex")], [receipt()]) == [
        "message 1 went to gmail, the ledger says yandex"
    ]


@pytest.mark.parametrize(
    ("receipts", "twice"),
    [
        ([receipt(1), receipt(2, recipient="boris@ya-post.example")], {"message_id": 0, "recipient_step": 0}),
        ([receipt(1), receipt(1)], {"message_id": 1, "recipient_step": 1}),
        (
            [receipt(1), receipt(2)],
            {"message_id": 0, "recipient_step": 1},
        ),  # another id, the same letter again
        ([receipt(1), receipt(2, step="recording")], {"message_id": 0, "recipient_step": 0}),
        ([receipt(1)] * 3, {"message_id": 2, "recipient_step": 2}),
    ],
)
def test_what_came_twice_is_counted_by_id_and_by_person_and_step(
    receipts: list[Receipt], twice: dict[str, int]
) -> None:
    assert duplicates(receipts) == twice


def test_receipts_are_read_with_the_ledgers_number_and_half_a_line_is_left_out(tmp_path: Path) -> None:
    raw = (
        f"Message-ID: {message_id(KEYS, 42, 'northwind.example')}\r\n"
        "Feedback-ID: spring:intro:northwind:mailfleet\r\n\r\nHello\r\n"
    )
    line = json.dumps(
        {
            "receiver": "gmail",
            "mail_from": "b1@b.northwind.example",
            "rcpt_to": "Anna@gmail-post.example",
            "at": "2027-03-01T09:00:00+00:00",
            "data_b64": base64.b64encode(raw.encode()).decode(),
        }
    )
    (tmp_path / "gmail.jsonl").write_text(line + "\n" + line[:40])
    [found] = read_receipts(tmp_path, KEYS)
    assert (found.message_id, found.mail.recipient, found.mail.campaign, found.mail.step) == (
        42,
        "anna@gmail-post.example",
        "spring",
        "intro",
    )
