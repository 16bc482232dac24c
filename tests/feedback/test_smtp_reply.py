"""What each refusal means: every row of the table of facts, in the receivers' own words."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailfleet.mail import smtp_reply
from mailfleet.mail.smtp_reply import RULES, classify, read
from mailfleet.policy.outcome import About, Reply, Verdict
from mailfleet.policy.receiver import receiver
from sandbox.replies import REPLIES
from tests.feedback.given import corpus

V, A = Verdict, About
GMAIL_LINES = ("550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's "
               "email address for typos or\n550-5.1.1 unnecessary spaces. For more information, go to\n550 5.1.1  "
               "https://support.google.com/mail/?p=NoSuchUser a1-2002.1 - gsmtp")  # fmt: skip

ROWS = [
    (1, "gmail", GMAIL_LINES, V.HARD, A.RECIPIENT),
    (2, "gmail", "553 5.1.2 We weren't able to find the recipient domain.", V.HARD, A.RECIPIENT),
    (2, "gmail", "553 5.1.3 The recipient address <x> is not a valid RFC-5321 address.", V.HARD, A.RECIPIENT),
    (3, "gmail", "550 5.2.1 The email account that you tried to reach is inactive.", V.INACTIVE, A.RECIPIENT),
    (3, "gmail", "550 5.2.1 The email account that you tried to reach is disabled.", V.INACTIVE, A.RECIPIENT),
    (4, "gmail", "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents delivery.", V.SOFT, A.RECIPIENT),
    (4, "gmail", "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents delivery.", V.SOFT, A.RECIPIENT),
    (5, "gmail", "452 4.2.2 The recipient's inbox is over quota.", V.FULL, A.RECIPIENT),
    (6, "gmail", "552 5.2.2 The recipient's inbox is over quota and inactive.", V.INACTIVE, A.RECIPIENT),
    (7, "gmail", "421 4.3.0 Temporary System Problem. Try again later.", V.SOFT, A.RECIPIENT),
    (7, "gmail", "451 4.4.2 Timeout - closing connection.", V.SOFT, A.RECIPIENT),
    (8, "gmail", "421 4.7.0 This message is suspicious due to the very low reputation of the sending IP address. Try again later.", V.SOFT, A.EGRESS),
    (9, "gmail", "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address.", V.SOFT, A.EGRESS),
    (10, "gmail", "550 5.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address.", V.BLOCK, A.EGRESS),
    (10, "gmail", "550 5.7.28 Gmail has detected an unusual rate of mail originating from your DKIM domain [x.example].", V.BLOCK, A.DOMAIN),
    (11, "gmail", "550 5.7.25 The IP address sending this message does not have a PTR record setup.", V.OURS, A.OURS),
    (11, "gmail", "451 4.7.23 The IP address sending this message does not have a PTR record setup.", V.OURS, A.OURS),
    (12, "gmail", "550 5.7.27 This mail has been blocked because SPF did not pass.", V.AUTH, A.DOMAIN),
    (13, "gmail", "550 5.7.26 Unauthenticated email from x.example is not accepted due to domain's DMARC policy.", V.AUTH, A.DOMAIN),
    (14, "gmail", "550 5.7.29 This mail was sent without TLS.", V.OURS, A.OURS),
    (15, "gmail", "550 5.7.30 This mail has been blocked because DKIM did not pass.", V.AUTH, A.DOMAIN),
    (16, "gmail", "550 5.7.40 The sending domain does not have a DMARC record.", V.AUTH, A.DOMAIN),
    (16, "gmail", "421 4.7.32 The From: header isn't aligned with the authenticated domain.", V.AUTH, A.DOMAIN),
    (17, "gmail", "550 5.7.1 Our system has detected that this message is likely unsolicited mail.", V.CONTENT, A.CONTENT),
    (17, "gmail", "550 5.7.1 This message is likely suspicious due to the very low reputation of the sending domain.", V.BLOCK, A.DOMAIN),
    (17, "gmail", "550 5.7.1 This message is likely suspicious due to the very low reputation of the sending IP address.", V.BLOCK, A.EGRESS),
    (18, "gmail", "550 5.7.1 Encoded-word syntax is not permitted in message header List-Unsubscribe.", V.OURS, A.OURS),
    (18, "gmail", "550 5.7.1 This message is not RFC 5322 compliant.", V.OURS, A.OURS),
    (19, "gmail", "452 4.5.3 Your message has too many recipients.", V.SOFT, A.OURS),
    (20, "gmail", "552 5.3.4 Your message exceeded Google's message size limits.", V.CONTENT, A.CONTENT),
    (20, "gmail", "552 5.7.0 This message was blocked because its content presents a potential security issue.", V.CONTENT, A.CONTENT),
    (21, "outlook", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", V.HARD, A.RECIPIENT),
    (22, "m365", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient x not found by SMTP address lookup", V.HARD, A.RECIPIENT),
    (22, "m365", "550 5.4.1 Recipient address rejected: Access denied. [x.protection.outlook.com]", V.HARD, A.RECIPIENT),
    (23, "m365", "554 5.2.2 mailbox full; STOREDRV.Deliver", V.FULL, A.RECIPIENT),
    (23, "outlook", "452 4.2.2 The recipient's mailbox is full and can't accept messages now.", V.FULL, A.RECIPIENT),
    (24, "m365", "432 4.3.2 STOREDRV.Storage; Recipient thread limit exceeded; concurrent connections", V.SOFT, A.EGRESS),
    (24, "m365", "550 5.2.121 Recipient's per hour message receive limit from specific sender exceeded.", V.SOFT, A.EGRESS),
    (25, "m365", "451 4.7.500 Server busy. Please try again later from [192.0.2.1].", V.SOFT, A.EGRESS),
    (26, "outlook", "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. (S775)", V.SOFT, A.EGRESS),
    (27, "outlook", "421 RP-001 (SNT) Unfortunately, some messages from 192.0.2.1 weren't sent.", V.SOFT, A.EGRESS),
    (28, "outlook", "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part "
     "of their network is on our block list (S3150).", V.BLOCK, A.EGRESS),
    (29, "outlook", "550 SC-001 Mail rejected by Outlook.com for policy reasons.", V.BLOCK, A.EGRESS),
    (30, "outlook", "550 SC-002 Mail rejected: the sender has exceeded limits; namespace mining.", V.BLOCK, A.EGRESS),
    (31, "outlook", "550 DY-001 Mail rejected by Outlook.com: a dynamic IP.", V.BLOCK, A.EGRESS),
    (32, "m365", "550 5.7.606 Access denied, banned sending IP [192.0.2.1].", V.BLOCK, A.EGRESS),
    (32, "m365", "550 5.7.511 Access denied, banned sender.", V.BLOCK, A.MAILBOX),
    (33, "m365", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", V.INACTIVE, A.RECIPIENT),
    (34, "outlook", "550 5.7.515 Access denied, sending domain x.example does not meet the required authentication level.", V.AUTH, A.DOMAIN),
    (34, "m365", "550 5.7.509 Access denied, sending domain does not pass DMARC verification.", V.AUTH, A.DOMAIN),
    (35, "m365", "550 5.7.25 The sending IPv6 address must have a reverse DNS record.", V.OURS, A.OURS),
    (35, "m365", "550 5.7.508 Access denied, [192.0.2.1] has exceeded permitted limits.", V.SOFT, A.EGRESS),
    (36, "yahoo", "554 delivery error: dd This user doesn't have a yahoo.com account (x) [0] - mta", V.HARD, A.RECIPIENT),
    (36, "yahoo", "554 30 Sorry, your message cannot be delivered. This mailbox is disabled (554.30).", V.HARD, A.RECIPIENT),
    (37, "yahoo", "552 1 Requested mail action aborted, mailbox not found", V.HARD, A.RECIPIENT),
    (38, "yahoo", "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints", V.SOFT, A.EGRESS),
    (39, "yahoo", "553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred", V.BLOCK, A.EGRESS),
    (40, "yahoo", "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list", V.BLOCK, A.EGRESS),
    (41, "yahoo", "554 5.7.9 Message not accepted for policy reasons.", V.CONTENT, A.CONTENT),
    (41, "yahoo", "554 Message not allowed - [PH01] Email not accepted for policy reasons.", V.CONTENT, A.CONTENT),
    (42, "yahoo", "550 5.7.9 This mail has been blocked because the sender is unauthenticated.", V.AUTH, A.DOMAIN),
    (43, "yahoo", "451 Could not resolve RFC5321.From domain", V.OURS, A.OURS),
    (44, "yahoo", "450 User is receiving mail too quickly", V.SOFT, A.RECIPIENT),
    (44, "yahoo", "421 Max message per connection reached, closing transmission channel", V.SOFT, A.RECIPIENT),
    (45, "icloud", "550 5.1.1 <x>: user does not exist", V.HARD, A.RECIPIENT),
    (45, "icloud", "550 5.1.6 <x>: user unknown", V.HARD, A.RECIPIENT),
    (45, "icloud", "552 5.2.2 <x>: user is over quota", V.FULL, A.RECIPIENT),
    (46, "icloud", "421 4.7.1 Messages from 192.0.2.1 are deferred due to excessive volume.", V.SOFT, A.EGRESS),
    (46, "icloud", "451 [BS02] Message could not be completed. Please try again later.", V.SOFT, A.EGRESS),
    (47, "icloud", "554 5.7.1 [HME1] This message was blocked for containing spam-like content.", V.CONTENT, A.CONTENT),
    (47, "icloud", "550 5.7.1 Your email was rejected due to having a domain present in the Spamhaus DBL", V.BLOCK, A.EGRESS),
    (48, "mailru", "550 Message was not accepted -- invalid mailbox.  Local mailbox x is unavailable: user not found", V.HARD, A.RECIPIENT),
    (48, "mailru", "550 Message was not accepted -- invalid mailbox.  Local mailbox x is unavailable: account is disabled", V.HARD, A.RECIPIENT),
    (49, "mailru", "550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=1", V.CONTENT, A.CONTENT),
    (50, "mailru", "421 Try again later or contact abuse@corp.mail.ru", V.SOFT, A.EGRESS),
    (51, "mailru", "550 Mail from a dynamic IP or a generic PTR is not accepted", V.OURS, A.OURS),
    (52, "mailru", "550 5.7.1 This message was not accepted due to domain owner DMARC policy", V.AUTH, A.DOMAIN),
    (53, "mailru", "451 Message was not accepted -- x: user over quota", V.FULL, A.RECIPIENT),
    (54, "mailru", "550 non-local recipient verification failed", V.HARD, A.RECIPIENT),
    (54, "mailru", "550 message sending for this account is disabled", V.BLOCK, A.MAILBOX),
    (55, "yandex", "550 5.7.1 No such user!", V.HARD, A.RECIPIENT),
    (56, "yandex", "550 5.7.1 Policy rejection on the target address", V.INACTIVE, A.RECIPIENT),
    (57, "yandex", "554 5.7.1 [2] Message rejected under suspicion of SPAM; https://ya.cc/1IrBc", V.CONTENT, A.CONTENT),
    (58, "yandex", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked by spam statistics; spamsource.yandex.ru", V.BLOCK, A.EGRESS),
    (59, "yandex", "451 4.7.1 Sorry, the service is currently unavailable. Please come back later.", V.SOFT, A.EGRESS),
    (60, "yandex", "552 5.2.2 Mailbox size limit exceeded", V.FULL, A.RECIPIENT),
    (60, "yandex", "451 4.7.1 Spam limit exceeded. Try again later.", V.SOFT, A.EGRESS),
    (61, "yandex", "501 5.1.3 Bad address mailbox syntax.", V.HARD, A.RECIPIENT),
    (61, "yandex", "504 5.5.2 <x>: Recipient address rejected: need fully-qualified address", V.HARD, A.RECIPIENT),
    (62, "other", "550 5.1.1 <x>: Recipient address rejected: user not found", V.HARD, A.RECIPIENT),
    (63, "other", "550 Requested action not taken: mailbox unavailable; Reject due to policy restrictions.", V.BLOCK, A.EGRESS),
    (64, "mimecast", "451 Internal resources are temporarily unavailable - greylisting", V.SOFT, A.EGRESS),
    (64, "mimecast", "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550", V.HARD, A.RECIPIENT),
    (65, "other", "550 Mail content denied: frequency limited", V.SOFT, A.EGRESS),
    (66, "other", "450 4.7.1 <x>: Recipient address rejected: Greylisted, see http://postgrey.example/help", V.SOFT, A.EGRESS),
    (67, "other", "554 5.7.1 <x>: Relay access denied", V.OURS, A.OURS),
    (68, "other", "450 4.1.8 <x>: Sender address rejected: Domain not found", V.OURS, A.OURS),
    (68, "other", "550 5.1.8 <x>: Sender address rejected: Domain not found", V.OURS, A.OURS),
    (68, "other", "host mx.person.example[192.0.2.1] said: 550 5.1.7 No such domain x.example (in reply to MAIL FROM command)", V.OURS, A.OURS),
    (69, "other", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", V.BLOCK, A.EGRESS),
    (69, "other", "550 Rejected: b.barracudacentral.org", V.BLOCK, A.EGRESS),
    (70, "other", "552 Too many recipients", V.SOFT, A.OURS),
    (71, "other", "550 5.1.1 <x>: User unknown in virtual mailbox table", V.HARD, A.RECIPIENT),
    (71, "other", "550 5.1.10 x", V.HARD, A.RECIPIENT),
    (71, "other", "550 No such user here", V.HARD, A.RECIPIENT),
    (72, "other", "550 5.7.1 Rejected", V.BLOCK, A.EGRESS),
    (72, "other", "554 Transaction failed", V.BLOCK, A.EGRESS),
    (72, "other", "550 Requested action not taken: mailbox unavailable", V.BLOCK, A.EGRESS),  # proves nothing where it is not Outlook's
]  # fmt: skip


@pytest.mark.parametrize(("who", "text", "verdict", "about"), [row[1:] for row in ROWS])
def test_a_refusal_is_read_as_its_receiver_means_it(who, text, verdict, about):
    found = classify(who, read(text))
    assert (found.verdict, found.about) == (verdict, about)


def test_every_row_of_the_facts_has_its_test():
    assert {row for row, *_ in ROWS} == set(range(1, 73))


@pytest.mark.parametrize("text", [text for _, _, text, *_ in ROWS])
def test_it_makes_no_difference_whether_the_code_stands_in_the_text_or_beside_it(text):
    whole = read(text)
    _, _, rest = text.replace("550-5.1.1", "").partition(" ")
    assert classify("gmail", Reply(whole.code, whole.enhanced, whole.text)) == classify("gmail", read(text))
    assert (
        classify("gmail", Reply(whole.code, "", rest.strip())).verdict
        == classify("gmail", read(text)).verdict
    )


@pytest.mark.parametrize(("text", "wait"), [
    ("450 4.2.0 Greylisted, please try again in 5 minutes", timedelta(minutes=5)),
    ("451 Resources temporarily not available - Please try again later", None),
    ("421 4.7.0 Try again in 300 seconds", timedelta(seconds=300)),
    ("450 try again after 2 hours", timedelta(hours=2)),
    ("450 Превышен лимит, повторите через 10 минут", timedelta(minutes=10)),
    ("450 too many messages, 99999 hours", timedelta(days=2)),
    ("450 4.3.2 please retry at 192.0.2.1", None),
])  # fmt: skip
def test_what_they_ask_us_to_wait_is_read(text, wait):
    assert classify("other", read(text)).retry_after == wait


def test_gmails_ten_minutes_are_kept_without_being_asked_for():
    text = "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail."
    assert classify("gmail", read(text)).retry_after == timedelta(minutes=10)


@pytest.mark.parametrize("text", ["", "nonsense", "0", "550", "5.1.1", "250 ok"])
def test_what_says_nothing_suppresses_nobody(text):
    assert classify("gmail", read(text)).verdict in (V.SOFT, V.BLOCK, V.ACCEPTED)


HOLES = {"rcpt": "anna@person.example", "ip": "192.0.2.1", "token": "a1b2", "seconds": "1760000000", "mx": "mx.person.example",
         "domain": "person.example", "message_id": "<1@x.example>"}  # fmt: skip
MEANS = {
    "accept": {V.ACCEPTED}, "unknown": {V.HARD}, "full": {V.FULL}, "defer": {V.SOFT}, "throttle": {V.SOFT},
    "block": {V.BLOCK}, "content": {V.CONTENT, V.BLOCK},
}  # fmt: skip


@pytest.mark.parametrize(("who", "situation"), list(REPLIES))
def test_the_sandboxs_receivers_are_understood(who, situation):
    for text in REPLIES[who, situation].texts:
        assert classify(who, read(text.format_map(HOLES))).verdict in MEANS[situation]


def test_only_what_speaks_of_the_recipient_may_suppress():
    assert all(rule.about is A.RECIPIENT for rule in RULES if rule.verdict in (V.HARD, V.INACTIVE, V.FULL))


@given(st.text(), st.sampled_from(["gmail", "yandex", "other", ""]))
def test_no_text_is_too_strange(text, who):
    reply = read(text)
    assert classify(who, reply) == classify(who, reply)
    assert 0 <= reply.code < 600


@given(st.integers(0, 999), st.text(max_size=10), st.text())
def test_no_reply_is_too_strange(code, enhanced, text):
    assert smtp_reply.said(Reply(code, enhanced, text)) is not None
    classify("other", Reply(code, enhanced, text))


FOLD = {V.HARD: "hard", V.INACTIVE: "inactive", V.FULL: "soft", V.SOFT: "soft", V.ACCEPTED: "soft"}


def test_real_refusals_that_blame_us_are_never_taken_for_dead_addresses():
    """The labels are one project's opinion: many of its soft ones say "User unknown" in so many words."""
    seen: Counter[tuple[str, str]] = Counter()
    for row in map(json.loads, corpus("smtp_replies.jsonl").read_text().splitlines()):
        who = receiver([row["mx_host"]]) if row["mx_host"] else "other"
        found = classify(who, read(row["line"])).verdict
        seen[row["class"], FOLD.get(found, "block")] += 1
        if found is V.HARD and row["class"] != "hard":
            assert any(words in row["line"].lower() for words in ("unknown", "no such user", "not exist"))
    print("refusals:", sorted(seen.items()))
    assert seen["block", "hard"] <= 1  # "Unknown user", said of a sender that was rejected
    assert seen["soft", "hard"] <= 15
    assert seen["block", "inactive"] == 0
    assert seen["hard", "hard"] >= 45
