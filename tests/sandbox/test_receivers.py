"""Each receiver says what the real one says, keeps what it accepts and nothing else."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path

import pytest

from sandbox.replies import DATA, RCPT, REPLIES
from tests.sandbox.town import Town, live

HEARD = [
    ("anna@gm.example", "250 2.0.0 OK", 1),
    ("anna+fair@gm.example", "250 2.0.0 OK", 1),
    (
        "ANNA.Gone+fair@gm.example",
        "rcpt 550 5.1.1 The email account that you tried to reach does not exist",
        0,
    ),
    ("anna.gone@out.example", "rcpt 550 5.5.0 Requested action not taken: mailbox unavailable", 0),
    ("anna.gone@firm.example", "rcpt 550 5.", 0),
    ("anna.gone@ya.example", "data 55", 0),
    ("anna.gone@ic.example", "rcpt 550 5.1.", 0),
    ("anna.gone@mr.example", "data 550 Message was not accepted -- invalid mailbox", 0),
    ("anna.gone@yx.example", "rcpt 550 5.7.1 No such user!", 0),
    (
        "anna.gone@co.example",
        "rcpt 550 5.1.1 <anna.gone@co.example>: Recipient address rejected: User unknown",
        0,
    ),
    ("anna.full@gm.example", "rcpt 452 4.2.2 The recipient's inbox is over quota", 0),
    ("anna.full@firm.example", "data 554 5.2.2 mailbox full", 0),
    ("anna.full@yx.example", "data 552 5.2.2 Mailbox size limit exceeded", 0),
    ("anna.full@ic.example", "rcpt 552 5.2.2", 0),
    ("anna.never@yx.example", "rcpt 451 4.7.1 Sorry, the service is currently unavailable", 0),
    ("anna.shut@gm.example", "data 550 5.7.", 0),
    ("anna.shut@out.example", "rcpt 550 5.7.1 Unfortunately, messages from [198.51.100.", 0),
    ("anna.shut@ya.example", "rcpt 553 5.7.1 [BL21]", 0),
    ("anna.shut@co.example", "rcpt 554 5.7.1 Service unavailable; Client host [198.51.100.", 0),
    ("anna.spammy@mr.example", "data 550 spam message rejected", 0),
    ("anna.spammy@yx.example", "data 554 5.7.1 [2] Message rejected under suspicion of SPAM", 0),
    ("anna.cut@co.example", "lost", 0),
    ("anna.lost@co.example", "lost", 1),
    ("anna@xn--80aaxitdbjk.example", "250 2.0.0 Ok: queued as", 1),
    ("anna@nowhere.example", "rcpt 554 5.7.1 <anna@nowhere.example>: Relay access denied", 0),
]


@pytest.mark.parametrize(("rcpt", "heard", "booked"), HEARD)
def test_a_receiver_answers_as_the_address_asks(tmp_path: Path, rcpt: str, heard: str, booked: int) -> None:
    async def story(town: Town) -> None:
        said = await town.send(rcpt)
        assert said.startswith(heard), said
        assert [row["rcpt_to"] for row in town.receipts()] == [rcpt] * booked

    live(tmp_path, story)


def test_a_receipt_holds_the_letter_byte_for_byte(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.send("anna@gm.example")
        (row,) = town.receipts()
        data = base64.b64decode(row["data_b64"])
        assert data.endswith("\r\n\r\nПривет!\r\n.a line with a dot\r\n".encode())
        assert list(row) == ["receiver", "mail_from", "rcpt_to", "at", "data_b64"]
        assert (row["receiver"], row["mail_from"]) == ("gmail", "btoken@b.nw.example")
        assert (Path(town.places.receipts) / "gmail.jsonl").exists()

    live(tmp_path, story)


def test_an_address_in_letters_of_its_own_is_taken_with_smtputf8(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        async with town.client() as client:
            await client.ehlo()
            await client.mail("b@b.nw.example", options=["SMTPUTF8"], encoding="utf-8")
            await client.rcpt("анна@пример.example", encoding="utf-8")
            await client.data(b"Subject: x\r\n\r\nx\r\n")
        assert [row["rcpt_to"] for row in town.receipts()] == ["анна@пример.example"]

    live(tmp_path, story, every_domain=True)


def test_who_defers_once_accepts_the_second_time(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        assert (await town.send("anna.later@gm.example")).startswith("rcpt 451 4.3.0")
        assert (await town.send("anna.later@gm.example")).startswith("250")
        assert len(town.receipts()) == 1

    live(tmp_path, story)


def test_a_crowded_receiver_throttles_one_caller_and_not_the_other(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        for number in range(3):
            assert (await town.send(f"a{number}@out.example")).startswith("250")
        assert (await town.send("a.rush@out.example")).startswith("rcpt 451 4.7.650")
        assert (await town.send("b.rush@out.example", helo="other.nw.example")).startswith("250")
        assert (await town.send("c.rush@co.example")).startswith("250")
        await asyncio.sleep(1.1)
        assert (await town.send("a.rush@out.example")).startswith("250")

    live(tmp_path, story)


def test_gmail_throttles_after_the_letter_and_closes_the_line(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        client = town.client()
        await client.connect()
        for number in range(3):
            await town.heard(client, f"a{number}@gm.example")
        assert (await town.heard(client, "a.rush@gm.example")).startswith("data 421 4.7.28")
        await asyncio.sleep(0.05)
        assert not client.is_connected
        assert len(town.receipts()) == 3

    live(tmp_path, story)


def test_a_tarpit_answers_late_and_holds_nobody_else(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        began = time.monotonic()
        slow = asyncio.create_task(town.send("a.slow@gm.example"))
        await town.send("a@gm.example")
        assert time.monotonic() - began < 1
        assert (await slow).startswith("250")
        assert 1 < time.monotonic() - began < 2.5

    live(tmp_path, story)


def test_the_port_says_what_it_can(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        async with town.client() as client:
            await client.ehlo()
            offered = {"8bitmime", "smtputf8", "pipelining", "size"}
            assert {name for name in offered if client.supports_extension(name)} == offered

    live(tmp_path, story)


def test_commands_sent_at_once_are_answered_in_order(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", town.places.receivers_port)
        writer.write(b"EHLO x\r\nMAIL FROM:<b@b.nw.example>\r\nRCPT TO:<a@gm.example>\r\nDATA\r\n")
        while not (line := await reader.readline()).startswith(b"354"):
            assert line.startswith((b"220", b"250"))
        writer.write(b"Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n")
        assert (await reader.readline()).startswith(b"250 2.0.0 OK")
        assert (await reader.readline()).startswith(b"221")
        writer.close()

    live(tmp_path, story)


def test_with_every_domain_unknown_names_accept(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        assert (await town.send("anna@anywhere.example")).startswith("250")
        assert town.receipts()[0]["receiver"] == "other"

    live(tmp_path, story, every_domain=True)


def test_every_reply_is_one_reply_of_one_code_in_lines_that_smtp_allows() -> None:
    holes = dict.fromkeys(("rcpt", "ip", "mx", "domain", "seconds", "token", "message_id"), "x" * 40)
    for key, reply in REPLIES.items():
        assert reply.stage in (RCPT, DATA), key
        for text in reply.texts:
            lines = text.format_map(holes).splitlines()
            assert len({line[:3] for line in lines}) == 1, key
            assert [line[3] for line in lines] == ["-"] * (len(lines) - 1) + [" "], key
            assert all(line.isascii() and len(line) <= 510 for line in lines), key
