"""One suite for every way of speaking to an egress: how a try ends when the other side does this or that."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailfleet.egress.envelope import Envelope, Place, Timeouts
from mailfleet.egress.line import PER_CONNECTION
from mailfleet.egress.replies import clean, queue_ref
from mailfleet.egress.smtp import SmtpEgress
from mailfleet.policy.outcome import About, Accepted, Deferred, Outcome, Refused, Unknown, Verdict
from tests.send.sink import CLOSE, SILENCE, Sink, running

SHORT = Timeouts(greeting=0.4, mail=0.4, rcpt=0.4, data=0.4, block=0.1, final=0.3, quit=0.2)
LETTER = Envelope("b1@b.acme.example", "bob@person.example", b"Subject: hi\r\n\r\n.hello\r\n..\r\n", "other")


def place(port: int, **other: object) -> Place:
    return dataclasses.replace(Place("127.0.0.1", port, "out.node.example", timeouts=SHORT), **other)


async def tries(
    sink: Sink, *envelopes: Envelope, client: ssl.SSLContext | None = None, **other: object
) -> list[Outcome]:
    async with running(sink), SmtpEgress(place(sink.port, **other), tls_context=client) as egress:
        return [await egress.send(envelope) for envelope in envelopes]


def one(answers: dict[str, str], envelope: Envelope = LETTER) -> Outcome:
    return asyncio.run(tries(Sink(answers), envelope))[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", str(path) + ".crt"],
                   check=True, capture_output=True)  # fmt: skip
    path.write_text(path.read_text() + Path(str(path) + ".crt").read_text())
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture(params=["none", "starttls", "implicit"])
def way(request, certificate) -> Callable[[dict[str, str]], tuple[Sink, Outcome]]:
    """A try over each way of speaking: the sink after it, and the outcome."""
    context = server_context(certificate)

    def attempt(answers: dict[str, str]) -> tuple[Sink, Outcome]:
        sink = Sink(
            answers, tls=None if request.param == "none" else context, implicit=request.param == "implicit"
        )
        client = ssl.create_default_context(cafile=str(certificate))
        return sink, asyncio.run(tries(sink, LETTER, tls=request.param, client=client))[0]

    return attempt


def test_a_message_is_taken_over_as_it_is_with_its_queue_id(way):
    sink, outcome = way({})
    assert isinstance(outcome, Accepted)
    assert outcome.ref == "Q0"
    assert sink.taken == [LETTER.data]
    assert sink.spoken[-4:] == [
        "MAIL FROM:<b1@b.acme.example>",
        "RCPT TO:<bob@person.example>",
        "DATA",
        "QUIT",
    ]
    assert sink.spoken[0] == "EHLO out.node.example"


# What the other side does → how the try ends. Only a clear answer after the body is more than Unknown.
DEFERRED = [
    {stage: answer}
    for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA")
    for answer in (
        CLOSE,
        SILENCE,
        "421 4.3.2 going away",
        "hello there",
        "250-" + "x" * 1_000_000,
        "\udcff\udcfe",
    )
] + [
    {"greeting": "554 5.7.1 not you"},
    {"EHLO": "550 no"},
    {"MAIL": "451 4.7.1 try later"},
    {"RCPT": "450 4.2.1 busy"},
    {"RCPT": "503 5.5.1 bad sequence"},
    {"DATA": "451 later"},
    {"DATA": "250 what?"},
    {"body": "451 4.3.0 later"},
    {"body": "421 4.3.0 later"},
]
UNKNOWN = [
    {"body": answer} for answer in (CLOSE, SILENCE, "hello", "354 go on", "250-" + "x" * 1_000_000, "\udcff")
]
ACCEPTED = [
    {"body": answer}
    for answer in ("250 ok", "250", "251 sure, why not", "250 2.0.0 \udcff\udcfe", "250-a\r\n250 b", "299 ?")
]


@pytest.mark.parametrize("answers", DEFERRED, ids=lambda answers: str(answers)[:40])
def test_before_the_body_everything_unclear_is_not_now(way, answers):
    _, outcome = way(answers)
    assert isinstance(outcome, Deferred)
    assert len(outcome.reply.text) <= 1000
    outcome.reply.text.encode()


@pytest.mark.parametrize("answers", UNKNOWN, ids=lambda answers: str(answers)[:40])
def test_after_the_body_everything_unclear_is_unknown(way, answers):
    _, outcome = way(answers)
    assert isinstance(outcome, Unknown)
    outcome.cause.encode()


@pytest.mark.parametrize("answers", ACCEPTED, ids=lambda answers: str(answers)[:40])
def test_after_the_body_any_success_is_success(way, answers):
    _, outcome = way(answers)
    assert isinstance(outcome, Accepted)
    outcome.reply.text.encode()


def test_a_person_unknown_at_rcpt_is_refused_about_the_person():
    outcome = one({"RCPT": "550 5.1.1 <bob@person.example>: Recipient address rejected: User unknown"})
    assert isinstance(outcome, Refused)
    assert (outcome.about, outcome.verdict) == (About.RECIPIENT, Verdict.HARD)
    assert outcome.reply.enhanced == "5.1.1"


@pytest.mark.parametrize("text", ["550 5.1.1 User unknown", "550 no", "553 5.7.1 sender rejected"])
def test_a_refusal_at_mail_never_blames_the_person(text):
    outcome = one({"MAIL": text})
    assert isinstance(outcome, Refused)
    assert outcome.about is not About.RECIPIENT


def test_a_refusal_after_the_body_is_refused():
    assert isinstance(one({"body": "554 5.7.1 spam message rejected"}), Refused)


def test_nobody_there_is_not_now():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def story() -> Outcome:
        async with SmtpEgress(place(port)) as egress:
            return await egress.send(LETTER)

    assert isinstance(asyncio.run(story()), Deferred)


def test_one_connection_carries_many_messages_also_after_a_refusal():
    sink = Sink({"RCPT": "550 5.1.1 no such user"})
    outcomes = asyncio.run(tries(sink, LETTER, LETTER, LETTER))
    assert {type(outcome) for outcome in outcomes} == {Refused}
    assert sink.connections == 1


@pytest.mark.parametrize(
    "answers",
    [
        {"body": CLOSE},
        {"body": "hello"},
        {"DATA": "250 what?"},
        {"RCPT": "421 bye"},
        {"RSET": "500 no", "RCPT": "550 no"},
    ],
)
def test_after_trouble_the_next_message_goes_over_a_new_connection(answers):
    sink = Sink(answers, once=True)
    outcomes = asyncio.run(tries(sink, LETTER, LETTER))
    assert isinstance(outcomes[1], Accepted)
    assert sink.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_costs_the_next_message_nothing():
    sink = Sink()

    async def story() -> Outcome:
        async with running(sink), SmtpEgress(place(sink.port)) as egress:
            await egress.send(LETTER)
            sink.hang_up()
            return await egress.send(LETTER)

    assert isinstance(asyncio.run(story()), Accepted)
    assert len(sink.taken) == 2


def test_a_connection_is_given_up_after_its_hundredth_message():
    sink = Sink()
    asyncio.run(tries(sink, *[LETTER] * (PER_CONNECTION + 1)))
    assert sink.connections == 2


def test_no_more_connections_are_open_than_allowed():
    sink = Sink()

    async def story() -> None:
        async with running(sink), SmtpEgress(place(sink.port, connections=3)) as egress:
            await asyncio.gather(*(egress.send(LETTER) for _ in range(30)))

    asyncio.run(story())
    assert len(sink.taken) == 30
    assert sink.connections == 3


def test_a_local_part_beyond_ascii_needs_smtputf8():
    envelope = dataclasses.replace(LETTER, rcpt_to="боб@person.example")
    outcome = one({}, envelope)
    assert isinstance(outcome, Refused)
    assert outcome.about is About.OURS
    sink = Sink({"EHLO": "250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8"})
    assert isinstance(asyncio.run(tries(sink, envelope))[0], Accepted)
    assert "MAIL FROM:<b1@b.acme.example> SMTPUTF8" in sink.spoken


def test_starttls_that_is_demanded_and_not_offered_sends_nothing():
    sink = Sink()
    outcome = asyncio.run(tries(sink, LETTER, tls="starttls"))[0]
    assert isinstance(outcome, Deferred)
    assert not [line for line in sink.spoken if line.startswith("MAIL")]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_nobody_vouches_for_is_told_nothing(certificate, tls):
    sink = Sink(tls=server_context(certificate), implicit=tls == "implicit")
    assert isinstance(asyncio.run(tries(sink, LETTER, tls=tls))[0], Deferred)
    assert not [line for line in sink.spoken if line.startswith("MAIL")]


def test_implicit_tls_against_a_plain_server_sends_nothing():
    sink = Sink()
    assert isinstance(asyncio.run(tries(sink, LETTER, tls="implicit"))[0], Deferred)
    assert not sink.taken


@settings(max_examples=40, deadline=None)
@given(code=st.integers(0, 999), text=st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=80),
       stage=st.sampled_from(["MAIL", "RCPT", "DATA", "body"]))  # fmt: skip
def test_every_reply_is_an_outcome(code, text, stage):
    outcome = one({stage: f"{code:03d} {text}"})
    assert isinstance(outcome, Accepted | Deferred | Refused | Unknown)
    assert not (isinstance(outcome, Unknown) and stage != "body")


@pytest.mark.parametrize(
    ("text", "ref"), [("2.0.0 Ok: queued as 4F2A1B", "4F2A1B"), ("Ok", ""), ("OK queued as abc-def", "abc")]
)
def test_the_queue_id_is_read_from_the_last_reply(text, ref):
    assert queue_ref(text) == ref


def test_a_reply_can_be_stored():
    assert clean("a\0b\r\nc\udcff") == "a b c\ufffd"
