"""A letter is read back by somebody else's parser as it was meant, whatever names and subjects hold."""

import dataclasses
import re
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr, parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailfleet.mail.compose import Compiled, Letter, Marks, Recipient, Sender, Step, compile_step, to_bytes
from mailfleet.mail.footer import Imprint
from mailfleet.mail.headers import HeaderRefused
from mailfleet.mail.template import TextRefused

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LINK = "https://go.acme.example/u/" + "a" * 61
IMPRINT = Imprint("ООО «Акме» & Co", "Street 1, 10115 Berlin", "news <b>", "https://acme.example/privacy")
STEP = Step("Привет, {{ given_name }}", "Привет, {{ given_name }}", "Hello {{ given_name }}!", "<p>Hello {{ given_name }}!</p>",
            "spring:hello:acme:mailfleet", IMPRINT)  # fmt: skip
SENDER = Sender("anna@acme.example", "Анна Лебедева, отдел продаж и сопровождения клиентов")
RECIPIENT = Recipient(
    "bob@person.example",
    "Bob",
    "Stone",
    "Stone Ltd",
    "DE",
    "en",
    {"city": "Köln"},
    "fair <2026>",
    date(2026, 1, 2),
)
MARKS = Marks("<1.abc@acme.example>", (), LINK, "=_00ff")


def letter(step: Step = STEP, sender: Sender = SENDER, marks: Marks = MARKS, **person: object) -> Letter:
    return compile_step(step).fill(sender, dataclasses.replace(RECIPIENT, **person), marks, NOW)


def read(found: Letter):
    return message_from_bytes(to_bytes(found), policy=policy.default)


def who(found: Letter, name: str) -> tuple[str, str]:
    """As RFC 2047 reads it: the newer parser of the standard library puts blanks between encoded words of a name."""
    shown, _, address = message_from_bytes(to_bytes(found))[name].rpartition("<")
    words = str(make_header(decode_header(shown.strip())))
    if shown.startswith('"'):
        words = re.sub(r"\\(.)", r"\1", words[1:-1])
    return words, address.rstrip(">")


def part(found: Letter, subtype: str) -> str:
    return read(found).get_body((subtype,)).get_content().replace("\r\n", "\n")


def test_every_header_is_read_back():
    found = letter()
    mail = read(found)
    assert mail["Subject"] == "Привет, Bob"
    assert who(found, "From") == (SENDER.display_name, SENDER.address)
    assert who(found, "To") == ("Bob Stone", "bob@person.example")
    assert parsedate_to_datetime(mail["Date"]) == NOW
    assert mail["Message-ID"] == MARKS.message_id
    assert mail["In-Reply-To"] is mail["References"] is None
    assert mail.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]
    assert not mail.defects


def test_links_and_ids_stay_raw_on_one_line_each_exactly_once():
    raw = to_bytes(letter()).decode()
    for line in (f"List-Unsubscribe: <{LINK}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
                 "Feedback-ID: spring:hello:acme:mailfleet"):  # fmt: skip
        assert raw.count(f"\r\n{line}\r\n") == 1


def test_a_follow_up_stays_in_its_thread():
    thread = ("<1.one@acme.example>", "<1.two@acme.example>")
    mail = read(
        letter(dataclasses.replace(STEP, subject=""), marks=dataclasses.replace(MARKS, thread=thread))
    )
    assert mail["Subject"] == "Re: Привет, Bob"
    assert mail["In-Reply-To"] == thread[-1]
    assert mail["References"].split() == list(thread)


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_both_parts_say_who_writes_why_from_where_and_how_to_leave(subtype):
    shown = part(letter(), subtype)
    source = "fair <2026>" if subtype == "plain" else "fair &lt;2026&gt;"
    owner = IMPRINT.legal_name if subtype == "plain" else "ООО «Акме» &amp; Co"
    for needed in (owner, IMPRINT.postal_address, source, "2026-01-02", IMPRINT.privacy_url, LINK):
        assert needed in shown


@pytest.mark.parametrize(("language", "word"), [("ru", "Отписаться"), ("ru-RU", "Отписаться"), ("de", "Keine Nachrichten mehr"),
                                                ("xx", "No more messages")])  # fmt: skip
def test_the_footer_speaks_the_persons_language(language, word):
    assert word in part(letter(language=language), "plain")


def test_html_escapes_values_and_not_the_author():
    shown = part(letter(given_name="<script>"), "html")
    assert "<p>Hello &lt;script&gt;!</p>" in shown


def test_a_step_without_html_gets_it_from_its_text():
    shown = part(letter(dataclasses.replace(STEP, html="")), "html")
    assert "Hello Bob!" in shown


def test_a_page_of_the_author_is_kept_whole():
    shown = part(letter(dataclasses.replace(STEP, html="<html><body>{{ given_name }}</body></html>")), "html")
    assert shown.startswith("<html><body>Bob")


NAMES = st.text(max_size=80)
HOSTILE = [
    "a\r\nBcc: x@y.example",
    "a\nb",
    "a\rb",
    "a\0b",
    "a\x85b",
    "a\u2028b",
    "\x7f",
    "\x1b[0m",
    "a\tb",
    "\ud800",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_control_characters_never_reach_a_header(value):
    for made in (lambda: letter(given_name=value), lambda: letter(sender=Sender("anna@acme.example", value)),
                 lambda: letter(dataclasses.replace(STEP, subject="{{ company }}"), company=value),
                 lambda: letter(address=f"{value}@person.example")):  # fmt: skip
        with pytest.raises(HeaderRefused) as refused:
            made()
        assert value not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bob",
        "@x.example",
        "bob@",
        "a@b@c.example",
        "a b@c.example",
        "<a@b.example>",
        "a@b.example,c@d.example",
    ],
)
def test_what_is_no_address_is_not_written_to(address):
    with pytest.raises(HeaderRefused):
        letter(address=address)


@pytest.mark.parametrize(
    "mark",
    [
        {"unsubscribe": "https://x.example/\r\nX: y"},
        {"message_id": "<é@x.example>"},
        {"thread": ("<a\n@b>",)},
    ],
)
def test_ids_and_links_are_plain(mark):
    with pytest.raises(HeaderRefused):
        letter(marks=dataclasses.replace(MARKS, **mark))


@example(
    given="", family="", shown="000000\xa0\xa0\xa0\xa0\xa0\xa0\xa0\U00010000\U00010000", subject=""
)  # 78 with its address
@given(given=NAMES, family=NAMES, shown=NAMES, subject=st.text(max_size=300))
def test_whatever_is_not_refused_is_read_back_as_it_was(given, family, shown, subject):
    step = dataclasses.replace(STEP, subject="{{ company }}")
    try:
        found = letter(
            step, Sender("anna@acme.example", shown), given_name=given, family_name=family, company=subject
        )
    except HeaderRefused:
        return
    mail = read(found)
    assert str(mail["Subject"]) == subject.strip()
    assert who(found, "From")[0] == shown.strip()
    assert who(found, "To") == (f"{given} {family}".strip(), "bob@person.example")
    check_lines(to_bytes(found))


@given(text=st.text(max_size=2000))
def test_bodies_come_back_and_no_line_is_too_long(text):
    found = letter(
        dataclasses.replace(STEP, text="{{ given_name }}|{{ city }}|"),
        variables={"city": text},
        given_name="x",
    )
    shown = part(found, "plain")
    expected = re.sub("\r\n?", "\n", text).encode("utf-8", "replace").decode()
    assert shown.startswith(f"x|{expected}|")
    check_lines(to_bytes(found))


def check_lines(raw: bytes) -> None:
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    for line in raw.split(b"\r\n"):
        assert len(line) <= 998
        assert b"=?utf-8?" not in line or len(line) <= 76
        for word in re.findall(rb"=\?utf-8\?b\?[^?]*\?=", line):
            assert len(word) <= 75
    assert raw.partition(b"\r\n\r\n")[0].isascii()


def test_a_local_part_beyond_ascii_stays_readable():
    assert parseaddr(str(read(letter(address="боб@person.example"))["To"]))[1] == "боб@person.example"


def test_a_text_that_cannot_be_filled_is_refused_without_its_values():
    with pytest.raises(TextRefused, match="'nick' is undefined"):
        letter(dataclasses.replace(STEP, text="{{ nick }}"))


def test_a_variable_cannot_take_the_place_of_a_name():
    assert "Hello Bob!" in part(letter(variables={"given_name": "Eve"}), "plain")


def test_a_compiled_step_is_used_again():
    compiled: Compiled = compile_step(STEP)
    first, second = (compiled.fill(SENDER, RECIPIENT, MARKS, NOW) for _ in range(2))
    assert first == second
