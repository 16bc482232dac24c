from __future__ import annotations

import asyncio
import time

import pytest

from mailfleet.policy.receiver import receiver
from mailfleet.probes.dns import Exchange, Mail, exchanges


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("gmail-post.example", Exchange(Mail.MX, ("gmail-smtp-in.l.google.com",))),
        ("alte-muehle.example", Exchange(Mail.IMPLICIT, ("alte-muehle.example",))),
        ("no-mail-here.example", Exchange(Mail.NULL_MX)),
        ("parked-page.example", Exchange(Mail.NO_MX)),
        ("closed-shop.example", Exchange(Mail.NO_MX)),
        ("nowhere-at-all.example", Exchange(Mail.NO_MX)),
        ("broken-dns.example", Exchange(Mail.UNKNOWN)),
        ("silent-dns.example", Exchange(Mail.UNKNOWN)),
    ],
)
def test_the_dns_answers_yes_no_or_unknown(server: str, domain: str, expected: Exchange) -> None:
    assert asyncio.run(exchanges([domain], [server], seconds=0.6)) == {domain: expected}


def test_a_resolver_that_is_not_there_makes_all_unknown() -> None:
    assert asyncio.run(exchanges(["a.example"], ["127.0.0.1:1"], seconds=0.3)) == {
        "a.example": Exchange(Mail.UNKNOWN)
    }


def test_domains_are_asked_once_and_together(server: str) -> None:
    many = [f"d{n}.example" for n in range(300)] * 3 + ["silent-dns.example"]
    begun = time.monotonic()
    found = asyncio.run(exchanges(many, [server], seconds=0.5))
    assert len(found) == 301
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["aspmx.l.google.com", "alt1.aspmx.l.google.com"], "gmail"),
        (["quill-com.mail.protection.outlook.com."], "m365"),
        (["outlook-com.olc.protection.outlook.com"], "outlook"),
        (["mxs.mail.ru"], "mailru"), (["emx.mail.ru"], "mailru"), (["MX.YANDEX.NET"], "yandex"),
        (["mx01.mail.icloud.com"], "icloud"), (["mta5.am0.yahoodns.net"], "yahoo"),
        (["eu-smtp-inbound-1.mimecast.com"], "mimecast"), (["mx0a-001.pphosted.com"], "proofpoint"),
        (["aspmx.l.google.com", "mx.quill.example"], "other"),  # every host must agree
        (["notgoogle.com"], "other"), (["evilgoogle.com"], "other"), (["mail.ru"], "other"), ([], "other"),
    ],
)  # fmt: skip
def test_the_receiver_is_named_by_all_its_hosts(hosts: list[str], expected: str) -> None:
    assert receiver(hosts) == expected
