"""A share: what is due leaves once, and every message ends as the world and the rules say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email import message_from_bytes
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from db import epoch
from mailfleet.acts.refused import Refused
from mailfleet.acts.send_wave import LedgerHolding, Share, WaveBusy, send_share
from mailfleet.egress.envelope import Timeouts
from mailfleet.mail.ids import read_message_id, read_return_path
from tests.conftest import Ledger
from tests.send.given import KEYS, Fleet, small_fleet
from tests.send.sink import CLOSE, Sink, running

Story = Callable[[Fleet, Sink], Awaitable[None]]


async def share(ledger: Ledger, node: str = "node-1", **other: object) -> Share:
    """A share of the node; one without a `state_dir` remembers nothing of the shares before."""
    engine = ledger.engine(node)
    with TemporaryDirectory() as fresh:
        settings = {"holder": "test", "at_most": 1000, "seconds": 30, "state_dir": Path(fresh)} | other
        try:
            return await send_share(engine, KEYS, node=node, **settings)  # type: ignore[arg-type]
        finally:
            engine.dispose()


def play(
    ledger: Ledger, story: Story, *, sink: Sink | None = None, people: int = 0, **tenant: object
) -> None:
    async def run() -> None:
        async with running(sink or Sink()) as open_sink:
            fleet = small_fleet(ledger, open_sink.port, **tenant)
            for number in range(people):
                fleet.message(f"p{number}")
            await story(fleet, open_sink)

    asyncio.run(run())


def test_what_is_due_leaves_once(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        done = await share(ledger)
        assert done.ended == {"submitted": 25}
        assert done.receivers == [
            {"receiver": "other", "egress": "out", "submitted": 25, "deferred": 0, "refused": 0, "unknown": 0}
        ]
        assert fleet.states() == {"submitted": 25}
        assert fleet.used() == len(sink.taken) == 25
        assert fleet.run("SELECT * FROM leases WHERE name LIKE 'batch %'") == []
        again = await share(ledger)
        assert (again.ended, len(sink.taken)) == ({}, 25)

    play(ledger, story, people=25)


def test_a_letter_carries_its_number_its_token_and_its_thread(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        first = fleet.message("bob")
        await share(ledger)
        second = fleet.message("bob", step="again", thread=(first,))
        await share(ledger)
        mails = [message_from_bytes(raw) for raw in sink.taken]
        tokens = KEYS.tokens.keys
        assert [read_message_id(tokens, mail["Message-ID"]) for mail in mails] == [first, second]
        assert mails[1]["In-Reply-To"] == mails[0]["Message-ID"]
        assert mails[0]["Feedback-ID"] == "spring:hello:acme:mailfleet"
        assert all(mail["DKIM-Signature"] for mail in mails)
        froms = [line.partition("<")[2].rstrip(">") for line in sink.spoken if line.startswith("MAIL")]
        assert [read_return_path(tokens, one).message_id for one in froms] == [first, second]
        assert [read_return_path(tokens, one).tenant_id for one in froms] == [fleet.ids["acme"]] * 2

    play(ledger, story)


ENDS = [
    ({"RCPT": "550 5.1.1 User unknown"}, "refused"),
    ({"RCPT": "451 4.7.1 greylisted"}, "deferred"),
    ({"body": CLOSE}, "unknown"),
    ({"greeting": "421 busy"}, "deferred"),
]


@pytest.mark.parametrize(("answers", "state"), ENDS)
def test_each_message_ends_as_its_receiver_answers(ledger, answers, state):
    async def story(fleet: Fleet, _: Sink) -> None:
        assert (await share(ledger)).ended == {state: 3}
        assert fleet.states() == {state: 3}

    play(ledger, story, sink=Sink(answers), people=3)


def test_a_text_that_cannot_be_filled_drops_its_message_alone(ledger):
    async def story(fleet: Fleet, _: Sink) -> None:
        fleet.run("UPDATE campaign_steps SET text_body = 'Dear {{ nickname }}'")
        fleet.run("""UPDATE leads SET variables = '{"nickname": "Al"}' WHERE address LIKE 'p1@%'""")
        assert (await share(ledger)).ended == {"submitted": 1, "dropped": 2}
        assert fleet.run("SELECT DISTINCT reason FROM messages WHERE state = 'dropped'") == [
            ("text: UndefinedError: 'nickname' is undefined",)
        ]
        assert fleet.used() == 1

    play(ledger, story, people=3)


def test_control_characters_in_a_name_send_nothing(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        fleet.run("UPDATE mailboxes SET display_name = E'Anna\\r\\nBcc: x@y.example'")
        assert (await share(ledger)).ended == {"dropped": 1}
        assert sink.taken == []

    play(ledger, story, people=1)


def test_an_egress_that_is_down_does_not_use_up_the_tries_of_all(ledger):
    async def story(fleet: Fleet, _: Sink) -> None:
        fleet.run("UPDATE egresses SET port = 1 WHERE name = 'out'")
        done = await share(ledger)
        assert done.ended == {"deferred": 10}
        assert fleet.states() == {"deferred": 10, "planned": 40}
        assert fleet.one("SELECT min(due_at) > mailfleet.business_now() FROM messages")
        assert fleet.used() == 10

    play(ledger, story, people=50)


def test_a_breaker_that_trips_stops_the_next_chunk(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        async def stop_it(_: bytes) -> None:
            if len(sink.taken) == 5:
                fleet.stop("campaign", fleet.ids["acme campaign"])

        sink.before_body_reply = stop_it
        done = await share(ledger)
        assert done.ended["submitted"] <= 20
        assert done.ended["submitted"] + done.ended["held"] == 60
        assert len(sink.taken) == done.ended["submitted"]

    play(ledger, story, people=60)


def test_an_unsubscribe_between_claim_and_begin_is_obeyed(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        async def unsubscribe(_: bytes) -> None:
            if not sink.taken:
                for number in range(60):
                    fleet.suppress(f"p{number}")

        sink.before_body_reply = unsubscribe
        done = await share(ledger)
        assert done.ended["submitted"] <= 20
        assert done.ended["submitted"] + done.ended["dropped"] == 60
        assert len(sink.taken) == done.ended["submitted"]

    play(ledger, story, people=60)


def test_no_more_than_asked_leave(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        await share(ledger, at_most=12)
        assert len(sink.taken) == 12
        assert fleet.states() == {"submitted": 12, "planned": 18}

    play(ledger, story, people=30)


def test_when_its_time_is_over_the_rest_is_given_back(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        async def slow(_: bytes) -> None:
            await asyncio.sleep(0.2)

        sink.before_body_reply = slow
        await share(ledger, seconds=1)
        states = fleet.states()
        assert set(states) == {"submitted", "planned"}
        assert len(sink.taken) == states["submitted"] == fleet.used()

    play(ledger, story, people=150)


def test_a_cancelled_share_records_what_is_on_the_line_and_gives_the_rest_back(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        async def slow(_: bytes) -> None:
            await asyncio.sleep(0.3)

        sink.before_body_reply = slow
        running_share = asyncio.create_task(share(ledger))
        while not sink.taken:
            await asyncio.sleep(0.02)
        running_share.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running_share
        states = fleet.states()
        assert set(states) == {"submitted", "planned"}
        assert len(sink.taken) == states["submitted"] == fleet.used()
        assert fleet.run("SELECT * FROM leases WHERE expires_at > clock_timestamp()") == []

    play(ledger, story, people=100)


def test_what_hangs_when_a_share_is_cancelled_is_unknown(ledger, monkeypatch):
    async def story(fleet: Fleet, sink: Sink) -> None:
        hanging = asyncio.Event()

        async def hang(_: bytes) -> None:
            hanging.set()
            await asyncio.sleep(60)

        sink.before_body_reply = hang
        running_share = asyncio.create_task(share(ledger, timeouts=Timeouts(final=5)))
        await hanging.wait()
        running_share.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running_share
        assert fleet.states() == {"unknown": 3}

    monkeypatch.setattr("mailfleet.acts.send_chunk.GRACE", 0.2)
    play(ledger, story, people=3)


def test_a_second_wave_of_a_node_has_nothing_to_do(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        shares = [share(ledger, holder=name) for name in ("one", "two")]
        results = await asyncio.gather(*shares, return_exceptions=True)
        assert sorted(type(one) for one in results if isinstance(one, WaveBusy)) == [WaveBusy]
        assert len(sink.taken) == 40
        assert fleet.states() == {"submitted": 40}

    play(ledger, story, people=40)


def test_a_share_whose_wave_was_taken_over_begins_nothing_more(ledger, monkeypatch):
    async def story(fleet: Fleet, sink: Sink) -> None:
        async def slow(_: bytes) -> None:
            if 9 < len(sink.taken) < 20:
                fleet.run(
                    "UPDATE leases SET fence = fence + 1, holder = 'another' WHERE name = 'wave node-1'"
                )
            await asyncio.sleep(0.1)

        sink.before_body_reply = slow
        done = await share(ledger)
        assert done.ended["submitted"] < 200
        assert fleet.states() == {
            "submitted": done.ended["submitted"],
            "planned": 200 - done.ended["submitted"],
        }
        assert fleet.run("SELECT holder FROM leases WHERE expires_at > clock_timestamp()") == [("another",)]

    monkeypatch.setattr("mailfleet.acts.send_wave.RENEW", 0.05)
    play(ledger, story, people=200)


def test_both_nodes_send_their_own(ledger):
    async def story(fleet: Fleet, _: Sink) -> None:
        for number in range(5):
            fleet.message(f"q{number}", egress="out-2")
        first, second = await asyncio.gather(share(ledger, "node-1"), share(ledger, "node-2"))
        assert (first.ended, second.ended) == ({"submitted": 5}, {"submitted": 5})

    play(ledger, story, people=5)


def test_several_egresses_of_a_node_send_at_once(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        fleet.egress("other", sink.port)
        for number in range(20):
            fleet.message(f"q{number}", egress="other")
        done = await share(ledger)
        assert {(row["egress"], row["submitted"]) for row in done.receivers} == {("out", 20), ("other", 20)}

    play(ledger, story, people=20)


@pytest.mark.parametrize("node", ["node-2", "node-9"])
def test_another_node_or_none_is_refused_in_one_line(ledger, node, tmp_path):
    async def story(*_: object) -> None:
        engine = ledger.engine("node-1")
        with pytest.raises(Refused, match=node):
            await send_share(engine, KEYS, node=node, holder="t", at_most=1, seconds=1, state_dir=tmp_path)

    play(ledger, story)


def test_a_restored_ledger_sends_nothing_until_it_is_reopened(ledger, tmp_path):
    """The backup was taken before the first share: the ledger does not know what left, and only the node remembers."""

    async def story(fleet: Fleet, sink: Sink) -> None:
        await share(ledger, state_dir=tmp_path)
        assert len(sink.taken) == 3
        restore(fleet)
        for _ in range(2):
            with pytest.raises(LedgerHolding, match="restored"):
                await share(ledger, state_dir=tmp_path)
        with pytest.raises(LedgerHolding):
            await share(ledger, "node-2")
        assert len(sink.taken) == 3
        assert fleet.states() == {"planned": 3}
        with fleet.engine.begin() as conn:
            assert epoch.reopen(conn, "reconciled").epoch == 2
            assert epoch.reopen(conn, "again") is None
        assert (await share(ledger, state_dir=tmp_path)).ended == {"submitted": 3}

    play(ledger, story, people=3)


def test_another_node_that_goes_on_sending_hides_no_restore(ledger, tmp_path):
    """The backup is of the time before node-1's last share; node-2 has begun more chunks since than node-1 ever did."""

    async def story(fleet: Fleet, sink: Sink) -> None:
        await share(ledger, state_dir=tmp_path / "1")
        restore(fleet, "node-1")
        for number in range(20):
            fleet.message(f"q{number}", egress="out-2")
        for _ in range(4):
            await share(ledger, "node-2", at_most=5, state_dir=tmp_path / "2")
        assert len(sink.taken) == 23
        with pytest.raises(LedgerHolding, match="restored"):
            await share(ledger, state_dir=tmp_path / "1")
        with pytest.raises(LedgerHolding, match="restored"):
            await share(ledger, "node-2", state_dir=tmp_path / "2")
        assert len(sink.taken) == 23

    play(ledger, story, people=3)


def test_a_node_that_could_not_remember_sends_nothing(ledger):
    async def story(fleet: Fleet, sink: Sink) -> None:
        with pytest.raises(Refused, match="NODE_STATE_DIR"):
            await share(ledger, state_dir=None)
        assert (sink.taken, fleet.states()) == ([], {"planned": 3})

    play(ledger, story, people=3)


def restore(fleet: Fleet, node: str = "node-1") -> None:
    """The ledger, as far as it is about this node, as it was before the node's first share."""
    mine = {"node": fleet.ids[node]}
    fleet.run("DELETE FROM verdicts")
    fleet.run("""
        UPDATE messages SET state = 'planned', attempt = 0, began_at = NULL, submitted_at = NULL, queue_ref = NULL
         WHERE node_id = :node
    """, **mine)  # fmt: skip
    fleet.run("DELETE FROM node_chunks WHERE node_id = :node", **mine)
