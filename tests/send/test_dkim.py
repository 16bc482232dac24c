"""Signatures hold for a verifier that is not ours, cover what RFC 8058 asks for, and break when anything changes."""

import dataclasses

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mailfleet.mail.compose import to_bytes
from mailfleet.mail.dkim import KeyRefused, load_signer
from mailfleet.mail.footer import Imprint
from mailfleet.mail.records import dkim_text
from tests.send.given import dkim_key
from tests.send.test_compose import MARKS, letter
from tests.send.test_compose import STEP as CYRILLIC

STEP = dataclasses.replace(CYRILLIC, imprint=Imprint("Acme", "Street 1", "news", ""))
SIGNER = load_signer("acme.example", "m1", dkim_key())


def answer(name: bytes, timeout: float = 5) -> bytes:  # noqa: ARG001  # dkimpy names it
    assert name == b"m1._domainkey.acme.example."
    public = load_der_private_key(dkim_key(), None).public_key()
    return dkim_text(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).encode()


def verified(raw: bytes) -> bool:
    return bool(dkim.verify(raw, dnsfunc=answer))


def signed(**other: object) -> bytes:
    found = letter(**{"step": STEP} | other)
    return to_bytes(found, SIGNER.sign(found))


def test_a_signature_holds_for_another_verifier():
    assert verified(signed())
    assert verified(signed(step=CYRILLIC))
    assert verified(
        signed(marks=dataclasses.replace(MARKS, thread=("<1.a@acme.example>", "<1.b@acme.example>")))
    )


@settings(max_examples=30)
@given(subject=st.text(max_size=200), text=st.text(max_size=300))
def test_it_holds_whatever_the_letter_says(subject, text):
    step = dataclasses.replace(STEP, text="{{ city }}", subject="{{ topic }}")
    topic = "".join(sign for sign in subject if sign.isprintable())
    assert verified(signed(step=step, variables={"city": text, "topic": topic}))


def test_it_covers_both_unsubscribe_headers_and_oversigns_what_people_see():
    field = signed().split(b"\r\nDate:")[0].replace(b"\r\n", b"").replace(b" ", b"").decode()
    names = field.partition(";h=")[2].partition(";")[0].split(":")
    assert {
        "list-unsubscribe",
        "list-unsubscribe-post",
        "feedback-id",
        "message-id",
        "date",
        "mime-version",
        "content-type",
    } <= {*names}
    assert [names.count(name) for name in ("from", "subject", "to")] == [2, 2, 2]
    assert "a=rsa-sha256" in field
    assert "l=" not in field.replace("c=", "")


@pytest.mark.parametrize("change", [
    (b"Hello Bob", b"Hello Eve"),
    (b"List-Unsubscribe-Post: List", b"List-Unsubscribe-Post: Lis"),
    (b"/u/aaaa", b"/u/aaab"),
    (b"Feedback-ID: spring", b"Feedback-ID: autumn"),
    (b"\r\nSubject:", b"\r\nSubject: another\r\nSubject:"),
    (b"\r\nFrom:", b"\r\nFrom: Eve <eve@x.example>\r\nFrom:"),
    (b"\r\nTo:", b"\r\nTo: eve@x.example\r\nTo:"),
])  # fmt: skip
def test_a_changed_or_added_part_breaks_it(change):
    raw = signed()
    assert change[0] in raw
    assert not verified(raw.replace(*change, 1))


def test_what_relays_may_do_to_blanks_does_not_break_it():
    raw = signed()
    assert verified(raw.replace(b"Hello Bob!\r\n", b"Hello  Bob! \r\n") + b"\r\n\r\n")
    assert verified(raw.replace(b"Subject: ", b"SUBJECT:   "))


def test_a_short_or_other_key_is_refused():
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(KeyRefused):
        load_signer(
            "acme.example", "m1", weak.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        )
