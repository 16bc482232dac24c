"""Sends what was begun, all at once, and waits for every answer; asked to stop, it waits a little and then hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from db.claims import Begun
from db.egresses import Egress
from mailfleet.acts.letters import Written
from mailfleet.acts.record_tries import Try
from mailfleet.egress.envelope import Envelope
from mailfleet.egress.smtp import SmtpEgress
from mailfleet.policy.outcome import Outcome, Unknown

GRACE = 20.0  # seconds that tries on the line have once the share was asked to stop


Timed = tuple[Outcome, timedelta]


@dataclass(frozen=True)
class Sent:
    """How each try ended. `failure` is a bug of ours: to be raised once the tries are recorded."""

    tries: tuple[Try, ...]
    failure: BaseException | None


async def send_chunk(
    way: SmtpEgress,
    egress: Egress,
    begun: tuple[Begun, ...],
    letters: Mapping[int, Written],
    stop: asyncio.Event,
) -> Sent:
    """Every try of the chunk. One that had to be cut off is Unknown: nobody knows whether it had left."""
    started = {one: asyncio.create_task(_timed(way, letters[one.message_id].envelope)) for one in begun}
    await _answered(set(started.values()), stop)
    tries = tuple(Try(one, letters[one.message_id].tenant_id, letters[one.message_id].receiver, egress, *_result(task))
                  for one, task in started.items())  # fmt: skip
    failures = (task.exception() for task in started.values() if not task.cancelled())
    return Sent(tries, next((failure for failure in failures if failure), None))


async def _timed(way: SmtpEgress, envelope: Envelope | None) -> Timed:
    loop = asyncio.get_running_loop()
    start = loop.time()
    if envelope is None:
        raise ValueError("a message without a letter was begun")
    outcome = await way.send(envelope)
    return outcome, timedelta(seconds=loop.time() - start)


async def _answered(tries: set[asyncio.Task[Timed]], stop: asyncio.Event) -> None:
    """All have ended, or the grace after a stop is over and the rest was cut off."""
    stopping = asyncio.create_task(stop.wait())
    waiting = set(tries)
    while waiting and not stopping.done():
        _, left = await asyncio.wait({*waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        waiting = waiting & left
    stopping.cancel()
    if waiting:
        _, late = await asyncio.wait(waiting, timeout=GRACE)
        for task in late:
            task.cancel()
        await asyncio.wait(waiting)


def _result(task: asyncio.Task[Timed]) -> tuple[timedelta, Outcome]:
    if task.cancelled():
        return timedelta(seconds=GRACE), Unknown("cut off while on the line: the share was stopped")
    if problem := task.exception():
        return timedelta(), Unknown(f"failed while on the line: {type(problem).__name__}")
    outcome, took = task.result()
    return took, outcome
