"""Stories with the sandbox's node and receivers: what really comes back is understood."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosmtplib
import pytest

from mailfleet.acts.read_node import read_node
from mailfleet.acts.settle_unknown import settle
from mailfleet.acts.stops import stop
from mailfleet.acts.take_feedback import drain, take_maildirs
from tests.feedback.given import KEYS, World
from tests.sandbox.town import Town, live

LETTER = """From: Anna <anna@acme.example>
To: {rcpt}
Subject: Hello
Message-ID: {message_id}
List-Unsubscribe: <https://go.acme.example/u/{token}>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello! If you want no more mail, unsubscribe: https://go.acme.example/u/{token}
"""


async def write(world: World, town: Town, who: str, *, receiver: str = "other", node: bool = True) -> int:
    """A message leaves by the node, or directly; the ledger knows it as submitted."""
    number = world.message(who, egress="post" if node else "direct", receiver=receiver)
    letter = (
        LETTER.format(rcpt=who, message_id=world.message_id(number), token=world.token(number))
        .replace("\n", "\r\n")
        .encode()
    )
    port = town.places.nodes["node-1"].ports[0] if node else None
    async with asyncio.timeout(15):
        client = town.client(port)
        await client.connect()
        try:
            _, said = await client.sendmail(world.verp(number), [who], letter)
            if node:
                world.run(
                    "UPDATE messages SET queue_ref = :ref WHERE message_id = :id",
                    ref=said.split()[-1],
                    id=number,
                )
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPResponseException):
            world.run(
                "UPDATE messages SET state = 'unknown', ended_at = NULL WHERE message_id = :id", id=number
            )
        finally:
            client.close()
    return number


def take_in(world: World, town: Town) -> dict[str, int]:
    """One round of the flow: node, Maildirs, inbox, unknown."""
    place = town.places.nodes["node-1"]
    read_node(
        world.ledger.engine("node-1"),
        KEYS,
        node="node-1",
        log=Path(place.log),
        postqueue=Path(place.bin) / "postqueue",
    )
    take_maildirs(world.engine, Path(town.places.maildirs))
    done = drain(world.engine, KEYS)
    settle(world.engine)
    return done


def story(tmp_path: Path, told: Callable[[Town], Awaitable[None]]) -> None:
    live(tmp_path, told)


async def round_of(world: World, town: Town) -> dict[str, int]:
    assert (await town.ask("quiet")).strip() == "quiet"
    return await asyncio.to_thread(take_in, world, town)


CASES = [
    # who, by a node or directly, receiver, state, suppressed, enrolment
    ("a@co.example", True, "other", "delivered", [], "active"),
    ("a.gone@mr.example", True, "mailru", "bounced", [(None, "hard")], "bounced"),
    ("a.gone@yx.example", True, "yandex", "bounced", [(None, "hard")], "bounced"),
    ("a.never@co.example", True, "other", "deferred", [], "active"),
    ("a.full@yx.example", True, "yandex", "bounced", [], "active"),
    ("a.shut@gm.example", True, "gmail", "bounced", [], "active"),
    ("a.spammy@ya.example", True, "yahoo", "bounced", [], "active"),
    ("a.lost@co.example", True, "other", "unknown", [], "active"),
    ("a.cut@co.example", True, "other", "deferred", [], "active"),
    ("a@closed.example", True, "other", "bounced", [(None, "hard")], "bounced"),
    ("a@nomail.example", True, "other", "bounced", [(None, "hard")], "bounced"),
    ("a@broken.example", True, "other", "deferred", [], "active"),
    ("a.moved@firm.example", False, "m365", "bounced", [(None, "hard")], "bounced"),
    ("a.lostback@co.example", False, "other", "bounced", [(None, "hard")], "bounced"),
    ("a.lost@co.example", False, "other", "unknown", [], "active"),
    ("a.angry@ya.example", False, "yahoo", "delivered", [(None, "complaint")], "suppressed"),
    ("b.angry@co.example", True, "other", "delivered", [(None, "complaint")], "suppressed"),
    ("a.writes@yx.example", True, "yandex", "delivered", [], "answered"),
    ("a.writes@co.example", False, "other", "delivered", [], "answered"),
    ("a.stop@yx.example", False, "yandex", "delivered", [("acme", "unsubscribe")], "suppressed"),
    ("a.stop@co.example", False, "other", "delivered", [("acme", "unsubscribe")], "suppressed"),
    ("a.away@yx.example", False, "yandex", "submitted", [], "active"),
    ("b.away@co.example", False, "other", "submitted", [], "active"),
    ("a.away@co.example", False, "other", "submitted", [], "active"),
]


def test_whatever_a_recipient_does_is_understood(world, tmp_path):
    cases = [(who if node else f"direct.{who}", node, *rest) for who, node, *rest in CASES]

    async def told(town: Town) -> None:
        for place, (who, node, receiver, *_) in enumerate(cases):
            numbers[place] = await write(world, town, who, receiver=receiver, node=node)
        done = await round_of(world, town)
        assert "not_understood" not in done
        assert "waiting" not in done

    numbers: dict[int, int] = {}
    story(tmp_path, told)
    found = {who: world.state(numbers[place]) for place, (who, *_) in enumerate(cases)}
    assert found == {who: state for who, _, _, state, *_ in cases}
    assert {who: world.enrolment(who) for who, *_ in cases} == {who: ended for who, *_, ended in cases}
    reasons = {who: world.run("SELECT t.slug, s.reason FROM suppressions s LEFT JOIN tenants t USING (tenant_id) JOIN leads l "
                              "ON l.person_hash = s.person_hash WHERE l.address = :who", who=who) for who, *_ in cases}  # fmt: skip
    assert reasons == {who: suppressed for who, *_, suppressed, _ in cases}


def test_a_stop_pulls_what_the_node_still_has(world, tmp_path):
    numbers = []

    async def told(town: Town) -> None:
        await town.ask("hold node-1")
        numbers.extend([await write(world, town, f"{name}@co.example") for name in ("a", "b")])
        with world.engine.begin() as conn:
            stop(conn, "campaign", "acme/spring", reason="a test", actor="olga")
        await asyncio.to_thread(take_in, world, town)
        await town.ask("release node-1")
        await round_of(world, town)
        assert town.receipts() == []

    story(tmp_path, told)
    assert [world.state(number) for number in numbers] == ["held", "held"]


@pytest.mark.parametrize("rounds", [1, 2])
def test_however_often_the_round_is_made_each_thing_happens_once(world, tmp_path, rounds):
    numbers = []

    async def told(town: Town) -> None:
        numbers.append(await write(world, town, "a.gone@co.example"))
        for _ in range(rounds):
            await round_of(world, town)

    story(tmp_path, told)
    assert [event for event, *_ in world.events(numbers[0])] == [
        "bounce",
        "bounce",
    ]  # by the log, and by the report
    assert world.suppressed() == [(None, "hard")]
