"""A share: what is due leaves once, and every message ends as the world and the rules say."""

import asyncio

from mailfleet.acts.send_wave import send_share
from tests.conftest import Ledger
from tests.send.given import KEYS, small_fleet
from tests.send.sink import Sink, running


async def share(ledger: Ledger, node: str = "node-1", **other: object):
    settings = {"holder": "test", "at_most": 1000, "seconds": 30, "state_dir": None} | other
    engine = ledger.engine(node)
    try:
        return await send_share(engine, KEYS, node=node, **settings)
    finally:
        engine.dispose()


def test_what_is_due_leaves_once(ledger):
    async def story() -> None:
        async with running(Sink()) as sink:
            fleet = small_fleet(ledger, sink.port)
            for number in range(25):
                fleet.message(f"p{number}")
            done = await share(ledger)
            assert done.ended == {"submitted": 25}
            assert fleet.states() == {"submitted": 25}
            assert len(sink.taken) == 25
            assert fleet.used() == 25
            again = await share(ledger)
            assert again.ended == {}
            assert len(sink.taken) == 25

    asyncio.run(story())
