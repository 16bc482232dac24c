"""What comes back: to the right Maildir, with our token, in the form that the standards name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.header import decode_header, make_header
from itertools import count
from pathlib import Path

import pytest

from tests.sandbox.town import Town, live


async def after(town: Town, *rcpts: str) -> None:
    """These were written to, and the town is quiet again."""
    for rcpt in rcpts:
        await town.send(rcpt)
    assert await town.ask("quiet") == "quiet\n"


def test_a_late_bounce_is_a_report_to_the_return_path(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await after(town, "a.moved@gm.example", "b.moved@firm.example", "c.lostback@co.example")
        reports = town.mail("b.nw.example")
        assert len(reports) == 3
        for report in reports:
            assert report.get_content_type() == "multipart/report"
            assert report["Return-Path"] == "<>"
            assert report["Delivered-To"] == report["To"] == "btoken@b.nw.example"
            _, status, original = report.get_payload()
            fields = status.get_payload()[1]
            assert (fields["Action"], fields["Status"]) == ("failed", "5.1.1")
            assert fields["Final-Recipient"].startswith("rfc822; ")
            assert fields["Diagnostic-Code"].startswith("smtp; 550")
            assert "@mail.nw.example>" in original.get_payload()

    live(tmp_path, story)


def test_a_complaint_carries_the_original_head_and_hides_some_recipients(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await after(town, *(f"p{number}.angry@gm.example" for number in range(6)))
        reports = town.mail("b.nw.example")
        assert len(reports) == 6
        hidden = 0
        for report in reports:
            assert report.get_param("report-type") == "feedback-report"
            _, facts, original = report.get_payload()
            told = facts.get_payload()[0] if facts.is_multipart() else facts
            text = told.as_string()
            assert "Feedback-Type: abuse" in text
            assert "User-Agent:" in text
            assert "Version: 1" in text
            inner = original.get_payload()[0]
            assert inner["Feedback-ID"] == "spring:hello:northwind:mailfleet"
            assert inner["Message-ID"].endswith("@mail.nw.example>")
            hidden += inner["To"] == "[redacted]" and "Original-Rcpt-To" not in text
        assert 0 < hidden < 6

    live(tmp_path, story)


@pytest.mark.parametrize(
    ("rcpt", "words"),
    [
        ("a.writes@gm.example", "Could you send me your prices?"),
        ("a.writes@mr.example", "Пришлите, пожалуйста, цены"),
        ("a.writes@xn--80aaxitdbjk.example", "Пришлите, пожалуйста, цены"),
        ("a.stop@gm.example", "Please stop writing to me"),
        ("a.stop@yx.example", "Не пишите мне больше"),
    ],
)
def test_a_person_answers_in_the_thread_and_quotes_the_letter(tmp_path: Path, rcpt: str, words: str) -> None:
    async def story(town: Town) -> None:
        await after(town, rcpt)
        (reply,) = town.mail("mail.nw.example")
        assert reply["From"] == rcpt
        assert reply["To"] == "anna@mail.nw.example"
        assert str(make_header(decode_header(reply["Subject"]))) == "Re: Привет"
        assert reply["In-Reply-To"] == "<100@mail.nw.example>"
        assert reply["References"].split() == ["<1.first@mail.nw.example>", "<100@mail.nw.example>"]
        body = reply.get_payload(decode=True).decode()
        assert words in body
        assert "> Привет!" in body
        assert reply["Auto-Submitted"] is None

    live(tmp_path, story)


def test_a_machine_says_that_it_is_one(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await after(town, *(f"p{number}.away@{('gm', 'mr')[number % 2]}.example" for number in range(8)))
        to_path, to_writer = town.mail("b.nw.example"), town.mail("mail.nw.example")
        assert len(to_path) + len(to_writer) == 8
        assert to_path
        assert to_writer
        assert {reply["Auto-Submitted"] for reply in (*to_path, *to_writer)} == {"auto-replied"}
        assert {reply["Return-Path"] for reply in (*to_path, *to_writer)} == {"<>"}

    live(tmp_path, story)


def test_one_letter_is_answered_once_however_often_it_came(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.send("a.writes@gm.example")
        again = Town(town.folder, town.places, count(100))
        await again.send("a.writes@gm.example")
        await town.ask("quiet")
        assert len(town.receipts()) == 2
        assert len(town.mail("mail.nw.example")) == 1

    live(tmp_path, story)


@asynccontextmanager
async def web(answer: bytes, requests: list[bytes]) -> AsyncIterator[int]:
    """A web server that keeps what it was asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        requests.append(head + await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_an_unsubscribe_is_a_real_post_in_both_encodings(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        requests: list[bytes] = []
        async with web(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", requests) as port:
            assert await town.ask(f"web {port}") == "noted\n"
            await after(
                town, *(f"p{number}.leaves@gm.example" for number in range(5)), "a.lostleft@co.example"
            )
        assert len(requests) == 6
        heads = [request.partition(b"\r\n\r\n")[0].decode() for request in requests]
        assert all("Host: go.nw.example" in head for head in heads)
        assert sorted(head.split()[1] for head in heads) == [
            f"/u/token{number}" for number in range(100, 106)
        ]
        bodies = [request.partition(b"\r\n\r\n")[2] for request in requests]
        forms = [body for body in bodies if body == b"List-Unsubscribe=One-Click"]
        parts = [body for body in bodies if b'name="List-Unsubscribe"\r\n\r\nOne-Click\r\n' in body]
        assert forms
        assert parts
        assert len(forms) + len(parts) == 6
        assert '"unsubscribe": 6' in await town.ask("stats")

    live(tmp_path, story)


def test_an_unsubscribe_is_tried_again_until_somebody_listens(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        requests: list[bytes] = []
        async with web(b"", []) as free:
            pass
        await town.ask(f"web {free}")
        await town.send("a.leaves@gm.example")
        await asyncio.sleep(1.7)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", free)
        assert await town.ask("quiet") == "quiet\n"
        server.close()
        assert len(requests) == 1

    live(tmp_path, story)


def test_quiet_waits_for_what_is_owed(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        assert await town.ask("quiet") == "quiet\n"
        await town.send("a.writes@gm.example")
        assert town.mail("mail.nw.example") == []
        assert await town.ask("quiet") == "quiet\n"
        assert len(town.mail("mail.nw.example")) == 1

    live(tmp_path, story)
