"""A node queues, tries once, and says in Postfix's words how each try ended."""

from __future__ import annotations

import asyncio
import json
import re
from email.message import Message
from pathlib import Path

import pytest

from sandbox.node.ids import QueueIds, spelled
from sandbox.node.log import short
from tests.sandbox.town import Town, live

CASES = [
    # recipient, relay, dsn, status and its text, returned by, booked
    ("a@gm.example", "gmail-smtp-in.l.google.com", "2.0.0", "sent (250 2.0.0 OK", "", 1),
    (
        "a.gone@gm.example",
        "gmail-smtp-in.l.google.com",
        "5.1.1",
        "bounced (host gmail-smtp-in.l.google.com[127.0.0.1] said: 550-5.1.1 The email account that "
        "you tried to reach does not exist. Please try 550-5.1.1 double-checking",
        "smtp; 550-5.1.1 The email",
        0,
    ),
    (
        "a.gone@mr.example",
        "mxs.mail.ru",
        "5.0.0",
        "bounced (host mxs.mail.ru[127.0.0.1] said: 550 Message was not accepted",
        "smtp; 550 Message was not accepted",
        0,
    ),
    (
        "a.never@co.example",
        "mx1.co.example",
        "4.7.1",
        "deferred (host mx1.co.example[127.0.0.1] said: 450 4.7.1 <a.never@co.example>: "
        "Recipient address rejected: Greylisted",
        "smtp; 450 4.7.1",
        0,
    ),
    (
        "a.cut@co.example",
        "mx1.co.example",
        "4.4.2",
        "deferred (lost connection with mx1.co.example[127.0.0.1] while sending RCPT TO)",
        "X-Postfix; lost connection",
        0,
    ),
    (
        "a.lost@co.example",
        "mx1.co.example",
        "4.4.2",
        "deferred (lost connection with mx1.co.example[127.0.0.1] while sending end of data -- "
        "message may be sent more than once)",
        "X-Postfix; lost connection",
        1,
    ),
    (
        "a.shut@co.example",
        "mx1.co.example",
        "5.7.1",
        "bounced (host mx1.co.example[127.0.0.1] said: 554 5.7.1 Service unavailable; "
        "Client host [198.51.100.",
        "smtp; 554 5.7.1",
        0,
    ),
    (
        "a@closed.example",
        "none",
        "5.4.4",
        "bounced (Host or domain name not found.",
        "X-Postfix; Host or domain",
        0,
    ),
    (
        "a@nomail.example",
        "none",
        "5.1.0",
        "bounced (Domain nomail.example does not accept mail (nullMX))",
        "X-P",
        0,
    ),
    (
        "a@broken.example",
        "none",
        "4.4.3",
        "deferred (Host or domain name not found.",
        "X-Postfix; Host or",
        0,
    ),
    ("a@house.example", "house.example", "2.0.0", "sent (250 2.0.0 Ok: queued as", "", 1),
]


@pytest.mark.parametrize(("rcpt", "relay", "dsn", "status", "returned", "booked"), CASES)
def test_the_log_and_the_report_tell_how_a_try_ended(
    tmp_path: Path, rcpt: str, relay: str, dsn: str, status: str, returned: str, booked: int
) -> None:
    async def story(town: Town) -> None:
        qid = await town.through(rcpt, egress=2)
        assert await town.ask("quiet") == "quiet\n"
        assert len(town.receipts()) == booked
        lines = town.log(f"]: {qid}: ")
        assert lines[0].endswith(f"postfix/smtpd[1201]: {qid}: client=localhost[127.0.0.1]")
        assert lines[1].endswith(f"postfix/cleanup[1207]: {qid}: message-id=<100@mail.nw.example>")
        assert re.search(
            rf"postfix/qmgr\[1180\]: {qid}: from=<btoken@b.nw.example>, size=\d+, nrcpt=1 \(queue active\)$",
            lines[2],
        )
        where = relay if relay == "none" else f"{relay}[127.0.0.1]:25"
        assert re.search(
            rf"postfix/egress-2/smtp\[1213\]: {qid}: to=<{re.escape(rcpt)}>, relay={re.escape(where)}, "
            rf"delay=[\d.]+, delays=([\d.]+/){{3}}[\d.]+, dsn={re.escape(dsn)}, status={re.escape(status)}",
            lines[3],
        ), lines[3]
        expired = [line for line in lines if "status=expired, returned to sender" in line]
        assert len(expired) == status.startswith("deferred")
        assert lines[-1].endswith(f"postfix/qmgr[1180]: {qid}: removed")
        check_report(town, qid, rcpt, dsn, returned)

    live(tmp_path, story)


def check_report(town: Town, qid: str, rcpt: str, dsn: str, returned: str) -> None:
    """The non-delivery report, when one is due."""
    reports = town.mail("b.nw.example")
    assert len(reports) == bool(returned)
    for report in reports:
        notice = re.search(
            rf"{qid}: sender non-delivery notification: (\w+)$", "\n".join(town.log(qid)), re.MULTILINE
        )
        assert notice
        assert any("status=sent (250" in line for line in town.log(f"{notice[1]}: to=<btoken@b.nw.example>"))
        assert report["Return-Path"] == "<>"
        assert report["Subject"] == "Undelivered Mail Returned to Sender"
        assert report["From"] == "MAILER-DAEMON@node-1.fleet.example (Mail Delivery System)"
        check_status(report, qid, rcpt, dsn, returned)


def check_status(report: Message, qid: str, rcpt: str, dsn: str, returned: str) -> None:
    """The part for machines and the original."""
    assert report.get_param("report-type") == "delivery-status"
    _, status, original = report.get_payload()
    message, recipient = status.get_payload()
    assert message["Reporting-MTA"] == "dns; node-1.fleet.example"
    assert message["X-Postfix-Queue-ID"] == qid
    assert recipient["Final-Recipient"] == f"rfc822; {rcpt}"
    assert recipient["Original-Recipient"] == f"rfc822;{rcpt}"
    assert (recipient["Action"], recipient["Status"]) == ("failed", dsn)
    assert recipient["Diagnostic-Code"].startswith(returned)
    assert (recipient["Remote-MTA"] is not None) == returned.startswith("smtp;")
    assert original.get_content_type() in ("message/rfc822", "text/rfc822-headers")
    assert "Message-ID: <100@mail.nw.example>" in original.as_string()


def test_what_a_node_delivers_carries_its_trace_line(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        qid = await town.through("a@gm.example")
        await town.ask("quiet")
        (letter,) = town.letters()
        assert f"by node-1.fleet.example (Postfix) with ESMTP id {qid}" in letter["Received"]

    live(tmp_path, story)


def test_both_kinds_of_returned_originals_are_met(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        for number in range(10):
            await town.through(f"a{number}.gone@gm.example")
        await town.ask("quiet")
        kinds = {report.get_payload()[2].get_content_type() for report in town.mail("b.nw.example")}
        assert kinds == {"message/rfc822", "text/rfc822-headers"}

    live(tmp_path, story)


def test_a_held_node_keeps_its_queue_and_shows_it(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.ask("hold node-1")
        qids = [await town.through(f"a{number}@gm.example") for number in range(3)]
        code, out, _ = await town.tool("postqueue", "-c", "/etc/postfix", "-j")
        rows = [json.loads(line) for line in out.splitlines()]
        assert code == 0
        assert [row["queue_id"] for row in rows] == qids
        assert rows[0]["queue_name"] == "hold"
        assert rows[0]["sender"] == "btoken@b.nw.example"
        assert rows[0]["recipients"] == [{"address": "a0@gm.example"}]
        assert {"arrival_time", "message_size", "forced_expire"} <= rows[0].keys()
        _, people, _ = await town.tool("postqueue", "-p")
        assert people.startswith("----Queue ID----- --Size--")
        assert f"{qids[0]}!" in people
        assert people.rstrip().endswith("in 3 Requests.")
        assert town.receipts() == []
        await town.ask("release node-1")
        await town.ask("quiet")
        assert len(town.receipts()) == 3
        assert await town.tool("postqueue", "-p") == (0, "Mail queue is empty\n", "")
        assert await town.tool("postqueue", "-j") == (0, "", "")

    live(tmp_path, story)


def test_what_was_deleted_from_the_queue_is_never_delivered(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.ask("hold node-1")
        qids = [await town.through(f"a{number}@gm.example") for number in range(4)]
        code, out, err = await town.tool("postsuper", "-c", "/etc/postfix", "-d", qids[0])
        assert (code, out) == (0, "")
        assert err == f"postsuper: {qids[0]}: removed\npostsuper: Deleted: 1 message\n"
        _, _, err = await town.tool("postsuper", "-d", "-", stdin=f"{qids[1]}\n{qids[2]}\nNOSUCHID\n")
        assert err.endswith("postsuper: Deleted: 2 messages\n")
        assert await town.tool("postsuper", "-d", "NOSUCHID") == (0, "", "")
        await town.ask("release node-1")
        await town.ask("quiet")
        assert [row["rcpt_to"] for row in town.receipts()] == ["a3@gm.example"]
        assert town.log(qids[0])[-1].endswith(f"postfix/postsuper[1231]: {qids[0]}: removed")

    live(tmp_path, story)


def test_what_is_deleted_while_a_tarpit_holds_it_is_not_delivered(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        qid = await town.through("a.slow@gm.example")
        await asyncio.sleep(0.6)
        assert (await town.tool("postsuper", "-d", qid))[2].startswith(f"postsuper: {qid}: removed")
        await town.ask("quiet")
        await asyncio.sleep(1)
        assert town.receipts() == []
        assert not any("status=" in line for line in town.log(qid))

    live(tmp_path, story)


def test_queue_ids_are_long_ones_and_never_come_twice() -> None:
    ids = QueueIds()
    made = [ids.next(1_800_000_000.25) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch(r"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z[0-9A-Za-y]+", qid) for qid in made)
    assert spelled(0, 52, 4) == "0000"
    assert spelled(52, 52, 1) == "10"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0"), (0.004, "0"), (0.05, "0.05"), (0.1, "0.1"), (1.23, "1.2"), (2.0, "2"), (12.6, "13")],
)
def test_delays_are_written_as_postfix_writes_them(seconds: float, written: str) -> None:
    assert short(seconds) == written
