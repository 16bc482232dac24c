"""Reports, replies and log lines are read as what they are, and nothing is too strange to be read."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailfleet.mail import arf, dsn, feedback, letter, postfix_log, reply, smtp_reply
from mailfleet.mail.feedback import Answer, Automatic, Bounce, Complaint
from mailfleet.mail.ids import Token, message_id, return_path, write_token
from mailfleet.mail.postfix_log import Active, Named, Removed, Status, Tried
from mailfleet.policy.outcome import Verdict
from tests.feedback import given as made
from tests.feedback.given import KEYS, corpus

TOKENS = KEYS.tokens.keys
VERP = return_path(write_token(TOKENS, Token(1, 77, b"p" * 16)), "b.acme.example")
OURS = message_id(TOKENS, 77, "acme.example")
LINE = "Nov 24 15:23:15 node-1 postfix/{}[1213]: {}"


def read(raw: bytes):
    return feedback.read(TOKENS, raw)


# whose it is
@pytest.mark.parametrize("raw", [
    made.dsn(VERP), made.dsn(VERP.upper()), made.dsn("postmaster@acme.example", message_id=OURS),
    made.dsn(VERP).replace(b"\n", b"\r\n"),
])  # fmt: skip
def test_a_report_is_ours_by_its_return_path_or_the_message_it_returns(raw):
    found = read(raw)
    assert isinstance(found, Bounce)
    assert (found.whose.message_id, found.dsn.worst.status) == (77, "5.1.1")


@pytest.mark.parametrize("raw", [
    made.dsn("anna@acme.example"), made.arf("anna@acme.example"), made.reply("<other@person.example>", "Yes!"),
    made.dsn(VERP[:-20] + "x" + VERP[-19:]), b"", b"\n\n", b"From nobody",
])  # fmt: skip
def test_what_carries_no_id_of_ours_is_not_understood(raw):
    assert read(raw) is None


@pytest.mark.parametrize(("raw", "kind"), [
    (made.dsn(VERP), Bounce), (made.arf(VERP), Complaint), (made.arf("x@y.example", message_id=OURS), Complaint),
    (made.reply(OURS, "I am away", Auto_Submitted="auto-replied"), Automatic),
    (made.reply(OURS, "I am away", Precedence="bulk"), Automatic),
    (made.reply(OURS, "Я в отпуске", X_Auto_Response_Suppress="All"), Automatic),
    (made.reply(OURS, "I am away", to=VERP, Auto_Submitted="auto-generated (vacation)"), Automatic),
    (made.reply(OURS, "Yes!", Auto_Submitted="no"), Answer), (made.reply(OURS, "Yes!"), Answer),
])  # fmt: skip
def test_bounce_before_complaint_before_absence_before_answer(raw, kind):
    assert isinstance(read(raw), kind)


@pytest.mark.parametrize("raw", [
    made.reply(OURS, "Could not deliver", to=VERP),
    made.reply(OURS, "Could not deliver").replace(b"From: anna@person.example", b"From: MAILER-DAEMON@person.example"),
])  # fmt: skip
def test_what_no_person_wrote_is_no_answer(raw):
    assert read(raw) is None


# reports
def test_the_decisive_recipient_is_the_first_that_failed():
    raw = made.dsn(VERP).replace(
        b"Final-Recipient",
        b"Final-Recipient: rfc822; list@person.example\nAction: relayed\nStatus: 2.1.9\n\nFinal-Recipient",
        1,
    )
    assert [one.action for one in read(raw).dsn.recipients] == ["relayed", "failed"]
    assert read(raw).dsn.worst.final == "anna@person.example"


def test_postfixs_queue_id_and_the_folded_diagnosis_are_read():
    raw = made.dsn(
        VERP,
        queue_id="4cZ1Lx2KQBz3x1y",
        said="smtp; 550-5.1.1 The email account that you tried to reach\n    550 5.1.1 does not exist.",
    )
    report = read(raw).dsn
    assert report.queue_id == "4cZ1Lx2KQBz3x1y"
    assert report.worst.reply.code == 550
    assert smtp_reply.classify("gmail", report.worst.reply).verdict is Verdict.HARD


@pytest.mark.parametrize(("kind", "complaint"), [
    ("abuse", True), ("fraud", True), ("virus", True), ("other", True), ("Abuse", True), ("not-spam", False), ("auth-failure", False), ("opt-out", False),
])  # fmt: skip
def test_a_complaint_is_what_the_report_calls_one(kind, complaint):
    assert arf.read(letter.read(made.arf(VERP, kind))).complaint is complaint


# what people write
@pytest.mark.parametrize("words", [
    "Please stop writing to me and remove my address from your list.", "Unsubscribe", "STOP", "Stop.", "Please take me off your list",
    "Do not contact me again", "Don't email us any more", "No more mails, please", "I don't want to receive your offers", "Opt out",
    "Не пишите мне больше. Удалите мой адрес из рассылки.", "Отпишите меня", "Прошу больше не присылать", "Уберите меня из базы",
    "Прекратите рассылку!", "Хватит спамить", "Не хочу получать ваши письма", "Стоп", "Прошу исключить меня из рассылки", "отзываю согласие",
])  # fmt: skip
def test_whoever_asks_to_be_left_alone_is_understood(words):
    found = read(made.reply(OURS, words))
    assert isinstance(found, Answer)
    assert found.stop


@pytest.mark.parametrize("words", [
    "Thanks, this is interesting. Could you send me your prices?", "Please don't forget the price list", "We stopped using it last year",
    "Don't worry, I will write tomorrow", "Could you stop by on Monday?", "Our stop loss is fine", "Добрый день! Интересно, пришлите цены.",
    "Мы не против встречи", "Не могли бы вы прислать прайс?", "Уточните, пожалуйста, сроки", "Напишите через неделю", "Остановились на вашем варианте",
])  # fmt: skip
def test_whoever_does_not_is_not(words):
    assert read(made.reply(OURS, words)).stop is False


def test_the_words_of_the_quoted_letter_are_ours_and_not_theirs():
    assert "unsubscribe" in made.reply(OURS, "Yes!").decode()
    assert read(made.reply(OURS, "Yes!")).stop is False


@pytest.mark.parametrize("quote", [
    "2 нояб. 2026 г., в 10:00, Анна Лебедева <anna@acme.example> написал(а):\n> Если не хотите писем, отпишитесь: отпишите меня",
    "пн, 2 нояб. 2026 г. в 10:00, Анна <anna@acme.example>:\n> отпишите меня",
    "Понедельник, 2 ноября 2026, 10:00 +03:00 от Анна <anna@acme.example>:\n> отпишите меня",
    "От: Анна <anna@acme.example>\nОтправлено: 2 ноября 2026 г. 10:00\nКому: Иван\nТема: Письмо\n\nотпишите меня",
    "02.11.2026 10:00, Анна пишет:\n> отпишите меня",
    "-----Original Message-----\nFrom: anna@acme.example\nSent: Monday\nTo: x\nSubject: y\n\nunsubscribe",
])  # fmt: skip
def test_a_russian_quote_is_cut_off(quote):
    raw = f"From: a@person.example\nIn-Reply-To: {OURS}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nИнтересно, жду цены.\n\n{quote}\n"
    found = letter.read(raw.encode())
    assert reply.visible(found).startswith("Интересно, жду цены.")
    assert not reply.asks_to_stop(reply.visible(found))


def test_a_letter_of_html_only_is_read_above_its_quote():
    page = "<div>Please remove me from your list</div><div class='gmail_quote'>Hello, are you <b>interested</b>?</div>"
    raw = f"From: a@person.example\nIn-Reply-To: {OURS}\nContent-Type: text/html; charset=utf-8\n\n{page}".encode()
    assert reply.visible(letter.read(raw)) == "Please remove me from your list"
    assert read(raw).stop


# the node's log
@pytest.mark.parametrize(("program", "text", "entry"), [
    ("cleanup", "4cZ1Lx2KQBz3x1y: message-id=<1.abc@acme.example>", Named("4cZ1Lx2KQBz3x1y", "<1.abc@acme.example>")),
    ("cleanup", "9F3A21C0: message-id=<1.abc@acme.example>", Named("9F3A21C0", "<1.abc@acme.example>")),
    ("qmgr", "9F3A21C0: from=<b@b.acme.example>, size=4321, nrcpt=1 (queue active)", Active("9F3A21C0")),
    ("qmgr", "9F3A21C0: from=<b@b.acme.example>, status=expired, returned to sender", Tried("9F3A21C0", Status.EXPIRED, "", "none", "")),
    ("qmgr", "9F3A21C0: removed", Removed("9F3A21C0", False)),
    ("postsuper", "9F3A21C0: removed", Removed("9F3A21C0", True)),
    ("egress-1/smtp", "9F3A21C0: to=<a@b.example>, relay=mx.b.example[192.0.2.1]:25, delay=1.1, delays=0.1/0/0.5/0.5, dsn=2.0.0, "
     "status=sent (250 2.0.0 Ok: queued as F12)", Tried("9F3A21C0", Status.SENT, "2.0.0", "mx.b.example[192.0.2.1]:25", "250 2.0.0 Ok: queued as F12")),
    ("smtp", "9F3A21C0: to=<a, status=sent@b.example>, relay=none, delay=1, dsn=5.4.4, status=bounced (no host)", None),
    ("smtpd", "9F3A21C0: client=localhost[127.0.0.1]", None), ("smtp", "connect to x[192.0.2.1]:25: Connection timed out", None),
    ("anvil", "statistics: max connection rate 1/60s", None),
])  # fmt: skip
def test_a_line_of_the_log_is_read(program, text, entry):
    assert postfix_log.read(LINE.format(program, text)) == entry


def test_a_modern_time_stamp_is_as_good():
    assert postfix_log.read(
        "2026-11-24T15:23:15.123456+00:00 node-1 postfix/qmgr[1180]: 9F3A21C0: removed"
    ) == Removed("9F3A21C0", False)


@pytest.mark.parametrize(("said", "lost"), [
    ("lost connection with mx[192.0.2.1] while sending end of data -- message may be sent more than once", True),
    ("conversation with mx[192.0.2.1] timed out while sending end of data -- message may be sent more than once", True),
    ("lost connection with mx[192.0.2.1] while sending message body", False),
    ("lost connection with mx[192.0.2.1] while sending RCPT TO", False),
    ("host mx[192.0.2.1] said: 451 4.4.2 timeout (in reply to end of DATA command)", False),
])  # fmt: skip
def test_only_a_line_lost_after_the_final_dot_leaves_it_open(said, lost):
    assert postfix_log.lost_after_the_dot(said) is lost


def test_the_corpus_of_log_lines_is_read_as_its_authors_do():
    read_well = 0
    for row in map(json.loads, corpus("postfix_log.jsonl").read_text().splitlines()):
        program = row["id"].partition("/")[2].rpartition("_")[0]
        entry = postfix_log.read(LINE.format(program, row["line"]))
        if isinstance(entry, Tried) and entry.status is not Status.EXPIRED:
            read_well += 1
            assert entry.queue_id == row["expect"]["postfix_queueid"]
            assert entry.status == row["expect"]["postfix_status"]
    assert read_well >= 8


# real mail
FOLD = {
    Verdict.HARD: "hard",
    Verdict.INACTIVE: "inactive",
    Verdict.FULL: "soft",
    Verdict.SOFT: "soft",
    Verdict.ACCEPTED: "soft",
}


def bounces():
    for row in map(json.loads, corpus("bounces.jsonl").read_text().splitlines()):
        raw = corpus(row["path"]).read_bytes()
        yield row, raw


@pytest.mark.slow
def test_no_real_bounce_fails_to_be_read_with_either_line_end():
    slowest = 0.0
    for row, raw in bounces():
        for copy in (raw, raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")):
            began = time.perf_counter()
            found = letter.read(copy)
            (
                dsn.read(found),
                arf.read(found),
                reply.automatic(found),
                reply.visible(found),
                feedback.read(TOKENS, copy),
            )
            slowest = max(slowest, time.perf_counter() - began)
            assert found.head or row["kind"] == "malformed"
    print(f"slowest: {slowest:.2f} s")
    assert slowest < 5


def test_real_reports_that_blame_us_are_never_taken_for_dead_addresses():
    """The labels are one project's opinion: what we call hard against them says "User unknown" in so many words."""
    seen: Counter[tuple[str, str]] = Counter()
    for row, raw in bounces():
        report = dsn.read(letter.read(raw))
        if report is None or not report.worst.failed:
            continue
        found = smtp_reply.classify("other", report.worst.reply).verdict
        if row["kind"] == "not_bounce":
            assert found not in (Verdict.HARD, Verdict.INACTIVE)
        if label := row["expect"].get("class"):
            seen[label, FOLD.get(found, "block")] += 1
            if found is Verdict.HARD and label != "hard":
                assert (
                    "unknown" in report.worst.reply.text.lower()
                    or "no such user" in report.worst.reply.text.lower()
                    or "not exist" in report.worst.reply.text
                )
    print("reports:", sorted(seen.items()))
    assert seen["block", "hard"] <= 1
    assert seen["soft", "hard"] <= 15
    assert seen["hard", "hard"] >= 45


def test_real_complaints_are_told_from_reports_on_our_signature():
    found = {}
    for row in map(json.loads, corpus("arf.jsonl").read_text().splitlines()):
        report = arf.read(letter.read(corpus(row["path"]).read_bytes()))
        found[row["id"]] = report is not None and report.complaint == (row["expect"]["kind"] == "complaint")
    assert sum(found.values()) >= len(found) - 1  # one is a provider's own form, without the part of RFC 5965


def test_real_absences_are_no_answers_and_real_answers_are_no_absences():
    for row in map(json.loads, corpus("autoreply.jsonl").read_text().splitlines()):
        found = letter.read(corpus(row["path"]).read_bytes())
        if row["expect"]["label"] == "autoreply":
            assert reply.automatic(found)
        if row["expect"]["label"] == "human":
            assert not reply.automatic(found)
            assert reply.visible(found)


def test_real_replies_have_words_above_their_quote():
    right = asked = 0
    for row in map(json.loads, corpus("reply_extraction.jsonl").read_text().splitlines()):
        raw = (
            row["text"].encode()
            if row["form"] == "mail"
            else b"Content-Type: text/plain; charset=utf-8\n\n" + row["text"].encode()
        )
        words = reply.visible(letter.read(raw))
        assert words or not row["text"].strip() or row["form"] == "mail"
        if row["expect_reply"] is not None:
            asked += 1
            right += "".join(words.split()).startswith("".join(row["expect_reply"].split())[:40])
    print(f"replies: {right} of {asked} begin as their writers meant")
    assert right >= asked * 0.7


# bytes nobody would send
@given(st.binary())
def test_no_bytes_are_too_strange_for_a_mail(raw):
    found = letter.read(raw)
    feedback.read(TOKENS, raw)
    reply.visible(found), reply.automatic(found), reply.from_nobody(found)


HEADS = st.sampled_from(["multipart/report; boundary=b", "multipart/mixed; boundary=b", "message/rfc822", "message/delivery-status", "text/plain; charset=x-none",
                         "text/html", "message/feedback-report", "text/rfc822-headers", "multipart/digest; boundary*0*=b"])  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            HEADS,
            st.sampled_from(["base64", "quoted-printable", "x-uuencode", "8bit", ""]),
            st.binary(max_size=60),
        ),
        max_size=5,
    ),
    HEADS,
)
def test_no_nesting_is_too_strange_for_a_report(parts, head):
    raw = f"To: {VERP}\nContent-Type: {head}\n\n".encode()
    for kind, encoding, body in parts:
        raw += f"--b\nContent-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n".encode() + body + b"\n"
    feedback.read(TOKENS, raw + b"--b--\n")
    reply.visible(letter.read(raw))


def test_a_mail_nested_a_thousand_times_is_not_understood():
    raw = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (depth, depth) for depth in range(3000)
    )
    assert feedback.read(TOKENS, b"To: " + VERP.encode() + b"\n" + raw) is None


@pytest.mark.parametrize("text", ["> " * 9000, "\n" * 20_000, "From:" * 4000, "On " * 6000, "a wrote:\n" * 2000, "-" * 20_000, "_" * 20_000 + "x",
                                  "От: " * 5000, "x " * 10_000 + "пишет:", ("From: a\nSent: b\n" * 1200)])  # fmt: skip
def test_no_words_are_too_many(text):
    began = time.perf_counter()
    reply.visible(letter.read(b"Content-Type: text/plain; charset=utf-8\n\n" + text.encode()))
    assert time.perf_counter() - began < 3


@given(st.text())
def test_no_line_is_too_strange_for_the_log(text):
    postfix_log.read(text)
    postfix_log.read(LINE.format("smtp", f"9F3A21C0: {text}"))
    postfix_log.lost_after_the_dot(text)


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "x " * 50_000, "postfix/" * 10_000, "9F3A21C0: to=<" + ", status=" * 10_000]
)
def test_no_line_is_too_long_for_the_log(text):
    began = time.perf_counter()
    assert postfix_log.read(text) is None
    assert postfix_log.read(LINE.format("smtp", text)) is None
    assert time.perf_counter() - began < 1
