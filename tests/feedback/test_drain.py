"""What comes back moves its message, and has its consequences, once."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

from datetime import timedelta

import pytest

from db import clock
from db.engine import transaction
from db.leases import Lease
from mailfleet.acts.begin_chunk import begin_chunk
from mailfleet.acts.take_feedback import drain
from tests.feedback.given import KEYS, arf, dsn, reply

HARD = "smtp; 550 5.1.1 <anna@person.example>: Recipient address rejected: User unknown"
SENT = ("egress-1/smtp", "{qid}: to=<anna@person.example>, relay=mx.person.example[127.0.0.1]:25, delay=0.2, delays=0/0/0/0.2, "
        "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 7F3)")  # fmt: skip
DEFERRED = ("egress-1/smtp", "{qid}: to=<anna@person.example>, relay=mx.person.example[127.0.0.1]:25, delay=0.2, delays=0/0/0/0.2, dsn=4.2.0, "
            "status=deferred (host mx.person.example[127.0.0.1] said: 450 4.2.0 Greylisted, try again in 5 minutes (in reply to RCPT TO command))")  # fmt: skip
BOUNCED = ("egress-1/smtp", "{qid}: to=<anna@person.example>, relay=mx.person.example[127.0.0.1]:25, delay=0.2, delays=0/0/0/0.2, dsn=5.1.1, "
           "status=bounced (host mx.person.example[127.0.0.1] said: 550 5.1.1 <anna@person.example>: User unknown (in reply to RCPT TO command))")  # fmt: skip
LOST = ("egress-1/smtp", "{qid}: to=<anna@person.example>, relay=mx.person.example[127.0.0.1]:25, delay=0.2, delays=0/0/0/0.2, dsn=4.4.2, "
        "status=deferred (lost connection with mx.person.example[127.0.0.1] while sending end of data -- message may be sent more than once)")  # fmt: skip
PULLED = ("postsuper", "{qid}: removed")
QID = "4cZ1Lx2KQBz3x1y"


def line(form: tuple[str, str], qid: str = QID) -> tuple[str, str]:
    return form[0], form[1].format(qid=qid)


@pytest.mark.parametrize(("form", "state"), [
    (SENT, "delivered"), (DEFERRED, "deferred"), (BOUNCED, "bounced"), (LOST, "unknown"), (PULLED, "held"),
])  # fmt: skip
def test_the_log_has_the_last_word_of_a_try(world, form, state):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    assert world.log(line(form)) == {"node_log": 1, "dropped": 0}
    assert world.state(number) == state


@pytest.mark.parametrize("form", [DEFERRED, LOST, PULLED])
def test_the_log_of_an_older_try_moves_nothing(world, form):
    number = world.message(queue_ref="4cZ1Lx2KQBz3new")
    world.queue_id(number, QID)
    world.log(line(form))
    assert world.state(number) == "submitted"
    assert [(before, after) for _, _, before, after in world.events(number)] == [("submitted", "submitted")]


def test_a_return_is_due_again_when_the_receiver_asked_for_it(world):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    world.log(line(DEFERRED))
    due = world.one("SELECT due_at FROM messages WHERE message_id = :id", id=number)
    assert timedelta(minutes=4) < due - world.now() < timedelta(minutes=7)


def test_the_log_says_of_an_unknown_message_what_became_of_it(world):
    number = world.message(state="unknown", queue_ref=None)
    world.queue_id(number, QID)
    world.log(line(SENT))
    assert world.state(number) == "delivered"


def test_a_pulled_message_of_a_suppressed_person_is_dropped(world):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    world.run("INSERT INTO suppressions (kind, person_hash, hash_key_id, reason, since, evidence, actor) "
              "SELECT 'address', person_hash, 1, 'operator', now(), 'test', 'test' FROM messages")  # fmt: skip
    world.log(line(PULLED))
    assert world.state(number) == "dropped"
    assert [event for event, *_ in world.events(number)] == ["pull", "drop"]


def test_what_was_pulled_while_it_left_is_delivered_all_the_same(world):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    world.log(line(PULLED), line(SENT))
    assert world.state(number) == "delivered"


def test_a_pulled_message_is_not_due_within_the_hour(world):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    world.log(line(PULLED))
    due = world.one("SELECT due_at FROM messages WHERE message_id = :id", id=number)
    assert due - world.now() > timedelta(minutes=59)


def test_a_hard_bounce_suppresses_everywhere_and_says_not_whose(world):
    number, other = world.message(), world.message(state="planned", tenant="zeta")
    follow_up = world.message(state="planned", step="again")
    world.mail(dsn(world.verp(number), said=HARD))
    assert [world.state(one) for one in (number, follow_up, other)] == ["bounced", "dropped", "dropped"]
    assert world.suppressed() == [(None, "hard")]
    assert (world.enrolment(), world.enrolment(tenant="zeta")) == ("bounced", "suppressed")
    assert world.run("SELECT evidence FROM suppressions") == [("a final answer of the recipient's host",)]


def test_an_inactive_mailbox_is_suppressed_for_180_days(world):
    number = world.message()
    world.mail(dsn(world.verp(number), status="5.2.1", said="smtp; 550 5.2.1 The account is inactive"))
    assert world.suppressed() == [(None, "inactive")]
    assert world.one("SELECT expires_at - since FROM suppressions") == timedelta(days=180)


@pytest.mark.parametrize("said", [
    "smtp; 554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
    "smtp; 550 5.7.26 This mail is unauthenticated", "smtp; 552 5.2.2 Mailbox full", "smtp; 550 5.7.1 Spam message rejected",
])  # fmt: skip
def test_what_blames_us_bounces_and_suppresses_nobody(world, said):
    number, follow_up = world.message(), world.message(state="planned", step="again")
    world.mail(dsn(world.verp(number), status="5.7.1", said=said))
    assert (world.state(number), world.state(follow_up)) == ("bounced", "planned")
    assert (world.suppressed(), world.enrolment()) == ([], "active")


def test_a_report_that_names_somebody_else_proves_nothing_of_ours(world):
    number = world.message()
    world.mail(dsn(world.verp(number), said=HARD, who="somebody@else.example"))
    assert (world.state(number), world.suppressed()) == ("bounced", [])
    assert world.run("SELECT verdict FROM verdicts") == [("soft",)]


def test_a_report_twice_is_one_event(world):
    number = world.message()
    raw = dsn(world.verp(number), said=HARD)
    assert world.mail(raw) == {"dsn": 1, "dropped": 0}
    assert world.mail(raw) == {"dropped": 0}
    assert len(world.events(number)) == 1


def test_a_report_on_a_delay_is_evidence_and_no_bounce(world):
    number = world.message(state="unknown", egress="direct")
    world.mail(dsn(world.verp(number), action="delayed", status="4.4.1", said="smtp; 450 later"))
    assert world.state(number) == "submitted"


def test_our_own_nodes_report_of_a_4xx_brings_the_message_back(world):
    number = world.message(queue_ref=QID)
    world.mail(dsn(world.verp(number), status="4.2.0", said="smtp; 450 4.2.0 Greylisted", queue_id=QID))
    assert (world.state(number), world.run("SELECT * FROM verdicts")) == ("deferred", [])


def test_a_providers_report_of_a_4xx_is_the_end(world):
    number = world.message(egress="direct")
    world.mail(dsn(world.verp(number), status="4.4.7", said="smtp; 450 4.4.7 gave up"))
    assert world.state(number) == "bounced"
    assert world.run("SELECT verdict FROM verdicts") == [("soft",)]


def test_a_report_without_an_id_of_ours_stays_not_understood(world):
    number = world.message()
    forged = dsn(f"b{'a' * 61}@b.acme.example", said=HARD)
    assert world.mail(forged) == {"not_understood": 1, "dropped": 0}
    assert world.run("SELECT understood, parser_version FROM inbox") == [("not_understood", 1)]
    assert (world.state(number), world.suppressed()) == ("submitted", [])


def test_a_report_is_known_by_the_message_id_it_returns(world):
    number = world.message()
    world.mail(dsn("postmaster@acme.example", said=HARD, message_id=world.message_id(number)))
    assert world.state(number) == "bounced"


def test_a_complaint_on_one_tenants_mail_suppresses_for_all(world):
    number, other = world.message(), world.message(state="deferred", tenant="zeta")
    assert world.mail(arf(world.verp(number))) == {"complaint": 1, "dropped": 0}
    assert (world.state(number), world.state(other)) == ("delivered", "dropped")
    assert world.suppressed() == [(None, "complaint")]
    assert world.run("SELECT verdict, complained FROM verdicts") == [("accepted", True)]
    assert (world.enrolment(), world.enrolment(tenant="zeta")) == ("suppressed", "suppressed")


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_a_report_that_is_no_complaint_changes_nothing(world, kind):
    number = world.message()
    assert world.mail(arf(world.verp(number), kind)) == {"feedback_report": 1, "dropped": 0}
    assert (world.state(number), world.suppressed(), world.enrolment()) == ("submitted", [], "active")


def test_an_opt_out_that_the_provider_passes_on_is_an_unsubscribe(world):
    number, other = world.message(), world.message(state="planned", tenant="zeta")
    world.mail(arf(world.verp(number), "opt-out"))
    assert (world.suppressed(), world.enrolment()) == ([("acme", "unsubscribe")], "suppressed")
    assert world.state(other) == "planned"


def test_a_complaint_without_a_message_still_says_who_must_not_be_written_to(world):
    number = world.message()
    world.run("DELETE FROM messages")
    assert world.mail(arf(world.verp(number))) == {"complaint": 1, "dropped": 0}
    assert (world.suppressed(), world.enrolment()) == ([(None, "complaint")], "suppressed")


def test_several_reports_on_one_message_in_one_batch_leave_the_worst_verdict(world):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    raw = [
        dsn(world.verp(number), action="delivered", status="2.0.0", said="smtp; 250 ok"),
        dsn(world.verp(number), said=HARD),
    ]
    world.arrive("maildir", *raw)
    world.log(line(SENT))
    assert (world.state(number), world.run("SELECT verdict FROM verdicts")) == ("bounced", [("hard",)])


def test_an_answer_ends_what_the_tenant_planned_and_nobody_elses(world):
    number, follow_up = world.message(), world.message(state="planned", step="again")
    other = world.message(state="planned", tenant="zeta")
    assert world.mail(reply(world.message_id(number), "Thanks, send me your prices.")) == {
        "reply": 1,
        "dropped": 0,
    }
    assert [world.state(one) for one in (number, follow_up, other)] == ["delivered", "dropped", "planned"]
    assert (world.enrolment(), world.enrolment(tenant="zeta"), world.suppressed()) == (
        "answered",
        "active",
        [],
    )
    assert world.one("SELECT reason FROM messages WHERE message_id = :id", id=follow_up) == "answered"


def test_an_answer_after_the_last_step_still_ends_it(world):
    number = world.message(state="deferred")
    world.run("UPDATE enrolments SET state = 'ended', ended = 'finished', ended_at = now()")
    world.mail(reply(world.message_id(number), "Thanks."))
    assert (world.state(number), world.enrolment()) == ("delivered", "answered")


@pytest.mark.parametrize(
    "words", ["Please stop writing to me.", "Не пишите мне больше. Удалите мой адрес из рассылки."]
)
def test_whoever_asks_to_stop_is_suppressed_for_the_tenant(world, words):
    number = world.message()
    assert world.mail(reply(world.message_id(number), words)) == {"stop": 1, "dropped": 0}
    assert (world.suppressed(), world.enrolment()) == ([("acme", "unsubscribe")], "suppressed")


def test_an_absence_is_evidence_of_arrival_and_nothing_else(world):
    number, follow_up = (
        world.message(state="unknown", egress="direct"),
        world.message(state="planned", step="again"),
    )
    assert world.mail(reply(world.message_id(number), "I am away.", Auto_Submitted="auto-replied")) == {
        "auto_reply": 1,
        "dropped": 0,
    }
    assert (world.state(number), world.state(follow_up)) == ("submitted", "planned")
    assert (world.suppressed(), world.enrolment()) == ([], "active")
    assert world.run("SELECT verdict FROM verdicts") == [("accepted",)]


def test_mail_to_a_return_path_is_no_persons_answer(world):
    number = world.message()
    raw = reply(world.message_id(number), "Your mail could not be delivered.", to=world.verp(number))
    assert world.mail(raw) == {"not_understood": 1, "dropped": 0}
    assert world.enrolment() == "active"


HAS_BEGUN = ("UPDATE messages SET state = 'submitted', lease_id = NULL, fence = NULL, allowed_hour = NULL, attempt = 1, "
             "began_at = now(), submitted_at = now() WHERE message_id = :id")  # fmt: skip


def complaint(world, number):
    return arf(world.verp(number))


def stop(world, number):
    return reply(world.message_id(number), "Please stop writing to me.")


def answer(world, number):
    return reply(world.message_id(number), "Thanks, send me your prices.")


def gone(world, number):
    return dsn(world.verp(number), said=HARD)


@pytest.mark.parametrize("state", ["claimed", "sending"])
@pytest.mark.parametrize(("write", "word", "ended", "suppressed", "becomes"), [
    (complaint, "complaint", "suppressed", [(None, "complaint")], "delivered"),
    (stop, "stop", "suppressed", [("acme", "unsubscribe")], "delivered"),
    (answer, "reply", "answered", [], "delivered"),
    (gone, "dsn", "bounced", [(None, "hard")], "bounced"),
])  # fmt: skip
def test_the_person_is_heard_at_once_and_the_move_waits_while_a_worker_has_the_message(
    world, state, write, word, ended, suppressed, becomes
):
    number, follow_up = world.message(state=state), world.message(state="planned", step="again")
    assert world.mail(write(world, number)) == {"waiting": 1, "dropped": 0}
    for _ in range(2):
        assert world.run("SELECT understood FROM inbox") == [(None,)]
        assert (world.state(number), world.state(follow_up), world.enrolment()) == (state, "dropped", ended)
        assert (world.suppressed(), world.run("SELECT * FROM verdicts")) == (suppressed, [])
        assert drain(world.engine, KEYS) == {"waiting": 1, "dropped": 0}
    world.run(HAS_BEGUN, id=number)
    assert drain(world.engine, KEYS) == {word: 1, "dropped": 0}
    assert (world.state(number), world.suppressed(), world.enrolment()) == (becomes, suppressed, ended)
    assert (
        len(world.events(number))
        == len(world.events(follow_up))
        == world.one("SELECT count(*) FROM verdicts")
        == 1
    )


def test_a_click_about_a_claimed_message_ends_the_enrolment_at_once(world):
    number = world.message(state="claimed")
    world.arrive("one_click", f"{world.token(number)}\n".encode())
    assert drain(world.engine, KEYS) == {"waiting": 1, "dropped": 0}
    assert (world.suppressed(), world.enrolment()) == ([("acme", "unsubscribe")], "suppressed")


@pytest.mark.parametrize(("write", "reason"), [
    (complaint, "suppressed: complaint"), (stop, "suppressed: unsubscribe"), (answer, "answered"), (gone, "suppressed: hard"),
])  # fmt: skip
def test_a_claimed_message_does_not_begin_once_the_person_was_heard(world, write, reason):
    number = world.message(state="claimed")
    world.mail(write(world, number))
    with transaction(world.engine) as conn:
        fence = world.one("SELECT fence FROM messages")
        chunk = begin_chunk(conn, Lease(world.ids["lease"], fence), [number], now=clock.now(conn))
    assert (chunk.begun, dict(chunk.turned_away)) == ((), {"dropped": 1})
    assert world.one("SELECT reason FROM messages") == reason


@pytest.mark.parametrize("state", ["submitted", "planned"])
def test_what_another_transaction_has_locked_is_not_waited_for(world, state):
    number = world.message(state=state)
    with world.engine.connect() as other, other.begin():
        other.exec_driver_sql(f"SELECT 1 FROM messages WHERE message_id = {number} FOR UPDATE")
        assert world.mail(dsn(world.verp(number), said=HARD)) == {"waiting": 1, "dropped": 0}
        assert (world.suppressed(), world.enrolment()) == ([(None, "hard")], "bounced")
    assert drain(world.engine, KEYS) == {"dsn": 1, "dropped": 0}


def test_a_restored_ledger_learns_what_was_sent_after_the_backup(world):
    number = world.message(state="planned", bare=True)
    world.mail(dsn(world.verp(number), said=HARD))
    assert world.state(number) == "bounced"
    assert world.run("SELECT egress_id, attempt FROM messages") == [(world.ids["post"], 1)]


def test_whoever_was_suppressed_elsewhere_is_enrolled_no_more(world):
    number = world.message(state="planned")
    world.run("INSERT INTO suppressions (kind, domain, reason, since, evidence, actor) "
              "VALUES ('domain', 'person.example', 'operator', now(), 'test', 'test')")  # fmt: skip
    assert drain(world.engine, KEYS) == {"dropped": 1}
    assert (world.state(number), world.enrolment()) == ("dropped", "suppressed")
    assert world.one("SELECT reason FROM messages") == "suppressed: operator"


def test_a_lapsed_suppression_does_not_stand_in_the_way_of_the_next(world):
    number = world.message()
    world.run("INSERT INTO suppressions (kind, person_hash, address_hash, hash_key_id, reason, since, expires_at, evidence, actor) "
              "SELECT 'address', person_hash, address_hash, 0, 'inactive', now() - interval '181 days', now() - interval '1 day', 'old', 'test' "
              "FROM messages")  # fmt: skip
    drain(world.engine, KEYS)
    world.mail(dsn(world.verp(number), status="5.2.1", said="smtp; 550 5.2.1 The account is inactive"))
    assert world.run("SELECT evidence FROM suppressions") == [("a final answer of the recipient's host",)]
