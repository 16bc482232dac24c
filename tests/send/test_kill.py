"""A sending worker is killed at several moments: nothing twice, nothing lost, and unknown is at most the open chunk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

import pytest

from mailfleet.acts.recovery import recover
from mailfleet.mail.ids import read_message_id
from tests.conftest import Ledger
from tests.send.given import KEYS, Fleet, small_fleet
from tests.send.sink import Sink, running

ROOT = Path(__file__).parents[2]
MESSAGES = 500
OPEN = 10
KILLS = (1, 60, 61, 190, 340, 430)  # after so many bodies


@contextmanager
def sink_in_a_thread(sink: Sink) -> Iterator[Sink]:
    """A server that goes on while this thread waits for processes."""
    ready, done = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with running(sink):
            ready.set()
            await done.wait()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait()
    try:
        yield sink
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def start(ledger: Ledger, holder: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.send.worker", ledger.url("node-1"), "node-1", holder, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not true() and process.poll() is None:
        threading.Event().wait(0.002)


def numbers(sink: Sink) -> Counter[int]:
    return Counter(
        read_message_id(KEYS.tokens.keys, message_from_bytes(raw)["Message-ID"]) or 0 for raw in sink.taken
    )


def leases_run_out(fleet: Fleet) -> None:
    """Two minutes without a renewal, of machine time."""
    fleet.run("UPDATE leases SET expires_at = clock_timestamp() - interval '1 s'")


@pytest.mark.slow
def test_a_killed_worker_sends_nothing_twice_and_loses_nothing(ledger, tmp_path):
    sink = Sink()

    async def a_moment(_: bytes) -> None:
        await asyncio.sleep(0.004)

    sink.before_body_reply = a_moment
    with sink_in_a_thread(sink):
        fleet = small_fleet(ledger, sink.port)
        for number in range(MESSAGES):
            fleet.message(f"p{number}")
        unknown = 0
        for kill, moment in enumerate(KILLS):
            process = start(ledger, f"worker {kill}", tmp_path)
            wait_until(lambda moment=moment: len(sink.taken) >= moment, process)
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            leases_run_out(fleet)
            recover(fleet.engine)
            states = fleet.states()
            assert set(states) <= {"planned", "submitted", "unknown"}
            assert states.get("unknown", 0) - unknown <= OPEN
            unknown = states.get("unknown", 0)
        last = start(ledger, "the last", tmp_path)
        assert last.communicate()[0].startswith("{'submitted': ")

    seen, states = numbers(sink), fleet.states()
    assert max(seen.values()) == 1
    assert states["submitted"] + states.get("unknown", 0) == MESSAGES
    submitted = {row[0] for row in fleet.run("SELECT message_id FROM messages WHERE state = 'submitted'")}
    unknown_ones = {row[0] for row in fleet.run("SELECT message_id FROM messages WHERE state = 'unknown'")}
    assert submitted <= set(seen) <= submitted | unknown_ones
    assert fleet.used() == MESSAGES
    assert 0 < unknown <= OPEN * len(KILLS)


@pytest.mark.slow
def test_two_waves_of_one_node_as_processes_send_nothing_twice(ledger, tmp_path):
    sink = Sink()
    with sink_in_a_thread(sink):
        fleet = small_fleet(ledger, sink.port)
        for number in range(120):
            fleet.message(f"p{number}")
        waves = [start(ledger, f"wave {number}", tmp_path) for number in range(3)]
        said = [wave.communicate()[0] for wave in waves]
    assert fleet.states() == {"submitted": 120}
    assert set(numbers(sink).values()) == {1}
    assert sum("submitted" in one for one in said) >= 1


@pytest.mark.slow
def test_even_without_the_waves_lease_claims_keep_two_workers_apart(ledger, tmp_path):
    """The wave's lease saves work; that nothing leaves twice does not hang on it: here both hold it."""
    sink = Sink()
    with sink_in_a_thread(sink):
        fleet = small_fleet(ledger, sink.port)
        for number in range(300):
            fleet.message(f"p{number}")
        waves = [start(ledger, "the same holder", tmp_path) for _ in range(2)]
        for wave in waves:
            wave.communicate()
    assert fleet.states() == {"submitted": 300}
    assert set(numbers(sink).values()) == {1}
