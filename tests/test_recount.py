"""The recount agrees with honest books and finds each kind of dishonest ones."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.recount import main

BEHAVIOURS = """\
pattern,behaviour,final_states,note
*.gone,unknown-user,refused bounced,
*.moved,late-bounce,bounced,
*.lost,drop-data,unknown,
*.nobasis,accept,none,
*,accept,submitted delivered,
"""
REPORT: dict[str, Any] = {
    "leads": {"rows": 6, "accepted": 5, "known": 0, "refused": 1, "flagged": {}},
    "refused": {"no_basis": 1},
    "messages": {"submitted": 1, "delivered": 1, "bounced": 2, "unknown": 1, "total": 5},
    "tenants": {"acme": {"messages": {"submitted": 1}}},
    "campaigns": {
        "acme/spring": {
            "stopped": None,
            "steps": {"hello": {"submitted": 1, "delivered": 1, "bounced": 2, "unknown": 1}},
        }
    },
    "receivers": {
        "gmail": {"submitted": 1, "delivered": 0, "bounced": 1, "unknown": 1, "accepted_by_receiver": 2},
        "other": {"submitted": 0, "delivered": 1, "bounced": 1, "unknown": 0, "accepted_by_receiver": 2},
    },
    "duplicates": {"message_id": 0, "recipient_step": 0},
    "violations": {"suppressed": 0, "no_basis": 0, "unsubscribed": 0, "answered": 0},
    "unknown": {"open": 1, "settled": 0},
    "books_balance": True,
    "differences": [],
}
STATES = {
    "anna@gm.example": "submitted",
    "ivan.gone@gm.example": "bounced",
    "vera.lost@gm.example": "unknown",
    "paul@co.example": "delivered",
    "rosa.moved@co.example": "bounced",
}


def letter(receiver: str, address: str, number: int, step: str = "hello") -> dict[str, str]:
    data = f"Message-ID: <{number}@m.example>\r\nFeedback-ID: spring:{step}:acme:mailfleet\r\n\r\nHello\r\n"
    return {
        "receiver": receiver,
        "mail_from": "b@b.example",
        "rcpt_to": address,
        "at": "2026-03-02T09:00:00+00:00",
        "data_b64": base64.b64encode(data.encode()).decode(),
    }


def story(address: str, state: str) -> dict[str, Any]:
    message = {"campaign": "spring", "step": "hello", "state": state, "reason": ""}
    tenant = {"tenant": "acme", "lead": 1, "refused": [], "messages": [message] if state else []}
    return {"address": address, "tenants": [tenant]}


class Books:
    """The files of a run, honest until they are written over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.report = copy.deepcopy(REPORT)
        self.letters = [
            letter("gmail", "Anna+x@gm.example", 1),
            letter("gmail", "vera.lost@gm.example", 2),
            letter("other", "paul@co.example", 3),
            letter("other", "rosa.moved@co.example", 4),
        ]
        refused = {"address": "lev.nobasis@co.example", "tenants": []}
        self.stories = [*(story(address, state) for address, state in STATES.items()), refused]

    def recount(self) -> int:
        receipts = self.folder / "receipts"
        receipts.mkdir(exist_ok=True)
        for name in ("gmail", "other"):
            lines = [json.dumps(each) + "\n" for each in self.letters if each["receiver"] == name]
            (receipts / f"{name}.jsonl").write_text("".join(lines))
        (self.folder / "report.json").write_text(json.dumps(self.report))
        (self.folder / "explain.jsonl").write_text("".join(json.dumps(each) + "\n" for each in self.stories))
        (self.folder / "behaviours.csv").write_text(BEHAVIOURS)
        files = {"report": "report.json", "explain": "explain.jsonl", "behaviours": "behaviours.csv"}
        options = [word for key, name in files.items() for word in (f"--{key}", str(self.folder / name))]
        return main(["--receipts", str(receipts), *options])


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


def test_honest_books_agree(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    assert books.recount() == 0
    assert "4 letters counted again: all agrees" in capsys.readouterr().out


def test_a_doubled_receipt_is_found(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    books.letters.append(books.letters[0])
    assert books.recount() == 1
    said = capsys.readouterr().out
    assert "accepted twice: Message-ID <1@m.example>" in said
    assert "accepted_by_receiver: report 2, counted 3" in said


def test_the_same_step_under_another_message_id_is_found(
    books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    books.letters.append(letter("gmail", "anna@gm.example", 9))
    assert books.recount() == 1
    assert "accepted twice: anna@gm.example acme spring hello" in capsys.readouterr().out


def test_a_missing_receipt_is_found(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    del books.letters[0]
    books.report["receivers"]["gmail"]["accepted_by_receiver"] = 1
    assert books.recount() == 1
    assert "anna@gm.example acme spring hello: submitted, but no receiver has it" in capsys.readouterr().out


def test_a_receipt_nobody_sent_is_found(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    books.letters.append(letter("other", "lev.nobasis@co.example", 8))
    assert books.recount() == 1
    assert "lev.nobasis@co.example acme spring hello: a receiver has it, the ledger says nothing" in (
        capsys.readouterr().out
    )


def test_a_receipt_without_feedback_id_is_found(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    books.letters[0]["data_b64"] = base64.b64encode(b"Message-ID: <1@m.example>\r\n\r\n").decode()
    assert books.recount() == 1
    assert "gmail.jsonl:1: not a receipt of a campaign letter" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "state", "said"),
    [
        (
            "anna@gm.example",
            "refused",
            "anna@gm.example: spring hello is refused, allowed delivered submitted",
        ),
        (
            "vera.lost@gm.example",
            "submitted",
            "vera.lost@gm.example: spring hello is submitted, allowed unknown",
        ),
        (
            "lev.nobasis@co.example",
            "dropped",
            "lev.nobasis@co.example: spring hello is dropped, allowed none",
        ),
        ("paul@co.example", "", "paul@co.example: a lead of acme without any message"),
    ],
)
def test_a_state_that_the_address_does_not_allow_is_found(
    books: Books, capsys: pytest.CaptureFixture[str], address: str, state: str, said: str
) -> None:
    books.stories = [each for each in books.stories if each["address"] != address] + [story(address, state)]
    assert books.recount() == 1
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"books_balance": False}, "books_balance is not true"),
        ({"refused": {"no_basis": 2}}, "rows = accepted + refused: 6 is not 7"),
        ({"differences": ["gmail: 2 and 3"]}, "the report says: gmail: 2 and 3"),
        ({"violations": {"suppressed": 1}}, "violations.suppressed: 1"),
        ({"unknown": {"open": 0, "settled": 1}}, "messages.unknown = unknown.open: 1 is not 0"),
        (
            {"duplicates": {"message_id": 1, "recipient_step": 0}},
            "duplicates.message_id: report 1, counted 0",
        ),
        ({"messages": {**REPORT["messages"], "total": 6}}, "messages.total = sum of states: 6 is not 5"),
    ],
)
def test_a_report_that_does_not_add_up_is_found(
    books: Books, capsys: pytest.CaptureFixture[str], change: dict[str, Any], said: str
) -> None:
    books.report.update(change)
    assert books.recount() == 1
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({"submitted": 5}, "campaigns.acme/spring.steps.hello: counted 4, the ledger allows 5 to 5"),
        (
            {"submitted": 1, "bounced": 2},
            "campaigns.acme/spring.steps.hello: counted 4, the ledger allows 1 to 3",
        ),
    ],
)
def test_a_step_that_the_report_counts_otherwise_is_found(
    books: Books, capsys: pytest.CaptureFixture[str], states: dict[str, int], said: str
) -> None:
    books.report["campaigns"]["acme/spring"]["steps"]["hello"] = states
    assert books.recount() == 1
    assert said in capsys.readouterr().out


def test_a_step_nobody_reported_is_found(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    books.letters[0] = letter("gmail", "anna@gm.example", 1, step="again")
    assert books.recount() == 1
    assert "campaigns.acme/spring.steps.again: counted 1, the ledger allows 0 to 0" in capsys.readouterr().out


def test_it_imports_nothing_of_what_it_checks() -> None:
    source = (Path(__file__).parent / "recount.py").read_text()
    assert not any(
        f"import {room}" in source or f"from {room}" in source for room in ("mailfleet", "sandbox", "db")
    )
