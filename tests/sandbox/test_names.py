"""The name server answers as each row of the table says, over UDP and TCP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import pytest

from tests.sandbox.town import Town, live


async def answer(town: Town, name: str, kind: str = "MX", *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    ask = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await ask(query, "127.0.0.1", port=town.places.dns_port, timeout=0.7)


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "records"),
    [
        ("gm.example", "MX", "NOERROR", ["10 gmail-smtp-in.l.google.com."]),
        ("GM.Example", "MX", "NOERROR", ["10 gmail-smtp-in.l.google.com."]),
        ("gmail-smtp-in.l.google.com", "A", "NOERROR", ["127.0.0.1"]),
        ("xn--80aaxitdbjk.example", "MX", "NOERROR", ["10 mail.co.example."]),
        ("house.example", "MX", "NOERROR", []),
        ("house.example", "A", "NOERROR", ["127.0.0.1"]),
        ("nomail.example", "MX", "NOERROR", ["0 ."]),
        ("parked.example", "MX", "NOERROR", []),
        ("parked.example", "A", "NOERROR", []),
        ("parked.example", "AAAA", "NOERROR", []),
        ("closed.example", "MX", "NXDOMAIN", []),
        ("nowhere.example", "MX", "NXDOMAIN", []),
        ("broken.example", "MX", "SERVFAIL", []),
    ],
)
@pytest.mark.parametrize("tcp", [False, True])
def test_a_name_resolves_as_its_row_says(
    tmp_path: Path, name: str, kind: str, rcode: str, records: list[str], tcp: bool
) -> None:
    async def story(town: Town) -> None:
        got = await answer(town, name, kind, tcp=tcp)
        assert dns.rcode.to_text(got.rcode()) == rcode
        assert [record.to_text() for rrset in got.answer for record in rrset] == records
        if not records and rcode != "SERVFAIL":
            assert got.authority[0].rdtype == dns.rdatatype.SOA

    live(tmp_path, story)


def test_silent_servers_never_answer(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        with pytest.raises(dns.exception.Timeout):
            await answer(town, "silent.example")

    live(tmp_path, story)


def test_with_every_domain_each_name_has_its_own_mail_host(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        assert (await answer(town, "anything.example")).answer[0][0].to_text() == "10 mx.anything.example."
        assert (await answer(town, "gm.example")).answer[0][0].to_text() == "10 gmail-smtp-in.l.google.com."
        for name in ("nomail.example", "closed.example", "broken.example", "silent.example"):
            assert (await answer(town, name)).answer[0][0].to_text() == f"10 mx.{name}."

    live(tmp_path, story, every_domain=True)


def test_noise_is_not_answered_and_does_no_harm(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", town.places.dns_port)
        writer.write(b"\x00\x05noise")
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert (await answer(town, "gm.example")).answer

    live(tmp_path, story)
