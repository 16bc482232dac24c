"""The claim, as the node's own role: who goes, who does not and why, each message once, no cap exceeded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from db import clock
from mailfleet.acts.claim_batch import Batch, claim_batch
from mailfleet.policy.allowance import HOUR, whole_hour
from tests.send.given import Fleet, small_fleet


@pytest.fixture
def fleet(ledger):
    return small_fleet(ledger)


def claim(engine: Engine, *, node_id: int = 1, limit: int = 100, now: datetime | None = None) -> Batch | None:
    with engine.begin() as conn:
        return claim_batch(conn, node_id=node_id, holder="test", limit=limit, now=now or clock.now(conn))


def test_what_is_due_is_claimed_once_oldest_first(fleet):
    now = fleet.now()
    ids = [fleet.message(f"p{number}", due=now - timedelta(minutes=10 - number)) for number in range(4)]
    fleet.message("tomorrow", due=now + timedelta(days=1))
    engine = fleet.ledger.engine("node-1")
    first, second = claim(engine, limit=3), claim(engine)
    assert first.message_ids == tuple(ids[:3])
    assert second.message_ids == (ids[3],)
    assert first.lease != second.lease
    assert claim(engine) is None
    assert fleet.states() == {"claimed": 4, "planned": 1}
    assert [fleet.used(dimension) for dimension in ("tenant", "campaign", "domain", "mailbox", "egress")] == [
        4
    ] * 5


def end_enrolment(fleet: Fleet, how: str) -> None:
    fleet.run("UPDATE enrolments SET state = 'ended', ended = :how, ended_at = now()", how=how)


REFUSALS = {
    "suppressed for the tenant": (lambda f: f.suppress("bob"), "dropped", "suppressed: unsubscribe"),
    "suppressed for everybody": (lambda f: f.suppress("bob", slug=None, reason="hard"), "dropped", "suppressed: hard"),
    "a suppressed domain": (lambda f: f.suppress_domain(), "dropped", "suppressed: legal"),
    "answered": (lambda f: end_enrolment(f, "answered"), "dropped", "answered"),
    "no basis": (lambda f: f.run("UPDATE leads SET basis = ''"), "dropped", "no legal basis"),
    "erased": (lambda f: f.run("DELETE FROM leads"), "dropped", "no legal basis"),
    "a stopped campaign": (lambda f: f.stop("campaign", f.ids["acme campaign"]), "held", "campaign stopped: a test"),
    "a stopped node": (lambda f: f.stop("node", f.ids["node-1"]), "held", "node stopped: a test"),
    "a stopped file": (lambda f: f.stop("import", f.ids["acme import"]), "held", "import stopped: a test"),
    "too late": (lambda f: f.run("UPDATE messages SET expires_at = now() - interval '1 s'"), "expired", "its time passed"),
    "tried too often": (lambda f: f.run("UPDATE messages SET attempt = 8"), "expired", "not accepted in 8 tries"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_the_gate_turns_away_with_reason_and_event(fleet, case):
    forbid, state, reason = REFUSALS[case]
    message = fleet.message("bob")
    forbid(fleet)
    batch = claim(fleet.ledger.engine("node-1"))
    assert batch.message_ids == ()
    assert dict(batch.turned_away) == {state: 1}
    assert fleet.state(message) == (state, reason)
    assert fleet.run("SELECT source, before, after, reply FROM events") == [
        ("gate", "planned", state, reason)
    ]
    assert fleet.used() == 0


@pytest.mark.parametrize("harmless", [
    lambda f: f.suppress("alice"),
    lambda f: f.suppress_domain(expires=timedelta(seconds=-1)),
    lambda f: f.stop("campaign", 99),
    lambda f: f.stop("campaign", f.ids["acme campaign"], until=f.now() - timedelta(seconds=1)),
    lambda f: end_enrolment(f, "finished"),
])  # fmt: skip
def test_what_concerns_others_or_is_over_stops_nobody(fleet, harmless):
    message = fleet.message("bob")
    harmless(fleet)
    assert claim(fleet.ledger.engine("node-1")).message_ids == (message,)


def test_outside_business_hours_a_message_waits_and_is_not_read_again(ledger):
    fleet = small_fleet(ledger, window=("00:00", "00:00:00.000001"))
    message = fleet.message("bob")
    engine = ledger.engine("node-1")
    assert claim(engine).message_ids == ()
    assert fleet.state(message) == ("planned", "outside the person's business hours")
    assert claim(engine) is None
    assert fleet.run("SELECT * FROM events") == []


def test_over_the_cap_messages_wait_and_are_not_read_again(ledger):
    fleet = small_fleet(ledger, hourly=3)
    for number in range(5):
        fleet.message(f"p{number}")
    engine = ledger.engine("node-1")
    assert len(claim(engine).message_ids) == 3
    assert claim(engine) is None
    waiting = fleet.run("SELECT DISTINCT reason, due_at > now() FROM messages WHERE state = 'planned'")
    assert waiting == [("no allowance left: domain", True)]


def test_a_slowed_mailbox_has_half_its_caps(ledger):
    fleet = small_fleet(ledger, hourly=6)
    fleet.put("incidents", tenant_id=1, scope="mailbox", scope_id=fleet.ids["acme mailbox"], action="slow", cause="bounces",
              evidence="{}", since=fleet.now(), ends_when="a clean day")  # fmt: skip
    for number in range(9):
        fleet.message(f"p{number}")
    assert len(claim(ledger.engine("node-1")).message_ids) == 3


def test_a_slowed_node_has_half_of_its_egresses_caps(ledger):
    fleet = small_fleet(ledger)
    fleet.run("UPDATE egresses SET daily_limit = 8")
    fleet.put("incidents", scope="node", scope_id=fleet.ids["node-1"], action="slow", cause="blocks", evidence="{}",
              since=fleet.now(), ends_when="a clean day")  # fmt: skip
    for number in range(9):
        fleet.message(f"p{number}")
    assert len(claim(ledger.engine("node-1")).message_ids) == 4


def test_a_slowed_lead_file_has_half_of_its_campaigns_caps(ledger):
    """A file has no caps of its own; the campaign of another file goes on as before."""
    fleet = small_fleet(ledger, hourly=4)
    fleet.tenant("other", hourly=4)
    fleet.put("incidents", tenant_id=1, scope="import", scope_id=fleet.ids["acme import"], action="slow", cause="bounces",
              evidence="{}", since=fleet.now(), ends_when="a clean day")  # fmt: skip
    fleet.run("UPDATE campaign_versions SET daily_limit = 4")
    for number in range(9):
        fleet.message(f"p{number}")
        fleet.message(f"q{number}", slug="other")
    assert len(claim(ledger.engine("node-1")).message_ids) == 2 + 4


def test_four_claimers_at_once_take_each_message_once_and_exceed_no_cap(ledger):
    fleet = small_fleet(ledger, hourly=90)
    fleet.tenant("other", hourly=90)
    for number in range(100):
        fleet.message(f"p{number}", slug=("acme", "other")[number % 2])
    got: list[int] = []
    engine = ledger.engine("node-1")

    def work() -> None:
        while batch := claim(engine, limit=7):
            got.extend(batch.message_ids)

    together(work, (), (), (), ())
    assert len(got) == len(set(got)) == 100
    assert fleet.used("egress") == 100


def test_concurrent_claims_of_both_nodes_exceed_no_shared_cap(ledger):
    fleet = small_fleet(ledger, daily=30)
    for number in range(80):
        fleet.message(f"p{number}", egress=("out", "out-2")[number % 2])

    def work(node: int) -> None:
        engine = ledger.engine(f"node-{node}")
        while claim(engine, node_id=node, limit=5):
            pass

    together(work, (1,), (2,), (1,), (2,))
    assert fleet.states() == {"claimed": 30, "planned": 50}
    assert fleet.used("mailbox") == fleet.used("tenant") == 30


def test_a_claim_after_the_full_hour_waits_for_one_that_began_before_it(ledger):
    """Else the day's cap would be counted without what the other is about to take."""
    fleet = small_fleet(ledger, daily=5)
    hour = whole_hour(fleet.now())
    for number in range(10):
        fleet.message(f"p{number}", due=hour)
    before, after = hour + HOUR - timedelta(seconds=1), hour + HOUR
    engine = ledger.engine("node-1")
    assert claim(engine, limit=1, now=before)
    with ThreadPoolExecutor(1) as pool, engine.begin() as conn:
        first = claim_batch(conn, node_id=1, holder="test", limit=3, now=before)
        second = pool.submit(claim, engine, now=after)
        assert wait([second], timeout=0.5).not_done
        conn.commit()
        assert (len(first.message_ids), len(second.result().message_ids)) == (3, 1)
    assert fleet.states() == {"claimed": 5, "planned": 5}


def together(work: Callable[..., None], *each: tuple[int, ...]) -> None:
    """Runs `work` in threads, one for each tuple of arguments, and raises what they raise."""
    with ThreadPoolExecutor(len(each)) as pool:
        for running in [pool.submit(work, *arguments) for arguments in each]:
            running.result()


def test_a_node_sees_and_moves_no_message_of_another(fleet):
    theirs = fleet.message("bob", egress="out-2")
    engine = fleet.ledger.engine("node-1")
    assert claim(engine, node_id=1) is None
    assert claim(engine, node_id=2) is None
    with engine.begin() as conn:
        assert conn.execute(text("SELECT count(*) FROM messages")).scalar() == 0
        assert (
            conn.execute(
                text("UPDATE messages SET state = 'dropped', reason = 'x', ended_at = now()")
            ).rowcount
            == 0
        )
    for statement in ("INSERT INTO attempts (tenant_id, message_id, attempt, node_id, egress_id, started_at, ended_at, outcome) "
                      "VALUES (1, :id, 1, 2, 2, now(), now(), 'accepted')",
                      "INSERT INTO events (tenant_id, message_id, event, source, before, after, occurred_at) "
                      "VALUES (1, :id, 'drop', 'gate', 'planned', 'dropped', now())",
                      "INSERT INTO leases (name, node_id, holder, expires_at) VALUES ('batch x', 2, 'me', now())"):  # fmt: skip
        with pytest.raises(DBAPIError, match="row-level security"), engine.begin() as conn:
            conn.execute(text(statement), {"id": theirs} if ":id" in statement else {})
    assert fleet.state(theirs) == ("planned", None)


@pytest.mark.parametrize("statement", [
    "UPDATE messages SET node_id = 2",
    "UPDATE messages SET egress_id = 2",
    "UPDATE messages SET person_hash = ''",
    "UPDATE enrolments SET state = 'ended'",
    "SELECT person_hash FROM enrolments",
    "DELETE FROM messages",
    "DELETE FROM attempts",
    "UPDATE suppressions SET expires_at = now()",
])  # fmt: skip
def test_a_node_may_not(fleet, statement):
    fleet.message("bob")
    with pytest.raises(DBAPIError, match="permission denied"), fleet.ledger.engine("node-1").begin() as conn:
        conn.execute(text(statement))


def test_a_node_sees_the_enrolments_of_its_own_messages_only(fleet):
    fleet.message("mine")
    fleet.message("theirs", egress="out-2")
    with fleet.ledger.engine("node-1").begin() as conn:
        assert conn.execute(text("SELECT count(enrolment_id) FROM enrolments")).scalar() == 1
