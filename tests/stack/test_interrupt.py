"""`make demo`, interrupted at random moments in every way, leaves nothing running, and the next one recovers.

MAILFLEET_MOMENTS says how often (2; `make interrupt`: 8), MAILFLEET_SEED repeats the moments of a run.
"""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailfleet.stack import places, processes

from . import makes

MOMENTS = int(os.environ.get("MAILFLEET_MOMENTS", "2"))
SEED = int(os.environ.get("MAILFLEET_SEED") or random.SystemRandom().randrange(10**6))
LATEST_SECONDS = 75.0
PROMISED_SECONDS = 10.0
RECOVERY_SECONDS = 120.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.stack,
    pytest.mark.timeout(300 + MOMENTS * 120),
    pytest.mark.skipif(
        not (places.CLONE / ".venv/ready").exists(), reason="needs the environment of `make setup`"
    ),
]


@dataclass(frozen=True)
class Demo:
    """A `make demo` in a session of its own, as a terminal would run it."""

    make: "subprocess.Popen[bytes]"
    words: Path

    def mailfleet(self) -> int | None:
        """The command below make, once make runs it."""
        return next((pid for pid in processes.descendants([self.make.pid]) if is_mailfleet(pid)), None)

    def everyone(self) -> set[int]:
        return {self.make.pid} | processes.descendants([self.make.pid]) | ours()


def is_mailfleet(pid: int) -> bool:
    words = (processes.PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    return any(word.endswith(b"/mailfleet") for word in words) and b"demo" in words


def ours() -> set[int]:
    """Everyone who bears this clone's mark or lives in its folder, but for other tests' scratch folders."""
    root = places.root_of()
    return processes.marked(places.mark_of(root)) | processes.living_in(root) - processes.living_in(
        root / "scratch"
    )


@pytest.fixture
def begin(clones_servers: None, tmp_path: Path) -> Iterator[Callable[[], Demo]]:  # noqa: ARG001
    begun: list[Demo] = []

    def start() -> Demo:
        words = tmp_path / f"{len(begun)}.txt"
        with words.open("wb") as screen:
            make = subprocess.Popen(
                ["make", "demo"],
                cwd=places.CLONE,
                env=makes.environment(),
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
                start_new_session=True,
            )
        begun.append(Demo(make, words))
        return begun[-1]

    yield start
    for demo in begun:
        processes.send(demo.make.pid, signal.SIGKILL)
        demo.make.wait()


WAYS: dict[str, Callable[[Demo], None]] = {
    "Ctrl-C": lambda demo: os.killpg(demo.make.pid, signal.SIGINT),
    "SIGINT to make": lambda demo: processes.send(demo.make.pid, signal.SIGINT),
    "SIGTERM to make": lambda demo: processes.send(demo.make.pid, signal.SIGTERM),
    "SIGKILL to make": lambda demo: processes.send(demo.make.pid, signal.SIGKILL),
    "SIGINT to mailfleet": lambda demo: processes.send(demo.mailfleet() or demo.make.pid, signal.SIGINT),
    "SIGTERM to mailfleet": lambda demo: processes.send(demo.mailfleet() or demo.make.pid, signal.SIGTERM),
    "SIGKILL to mailfleet": lambda demo: processes.send(demo.mailfleet() or demo.make.pid, signal.SIGKILL),
}


def interrupt(demo: Demo, way: str) -> float:
    """Interrupt it and return how long it took until nobody of it was left."""
    everyone, began = demo.everyone(), time.monotonic()
    WAYS[way](demo)
    left = not processes.wait_for_end(everyone, PROMISED_SECONDS)
    assert not left, f"{way}: still there: {names(everyone)}; it said: {demo.words.read_text()[-2000:]}"
    assert not ours(), f"{way}: came later and is still there: {names(ours())}"
    return time.monotonic() - began


def names(pids: set[int]) -> dict[int, str]:
    alive = [pid for pid in pids if processes.alive(pid)]
    return {
        pid: (processes.PROC / str(pid) / "cmdline").read_text().replace("\0", " ")[:100] for pid in alive
    }


def runs() -> dict[str, dict[str, Any]]:
    found = sorted((places.root_of() / "runs").glob("*/run.json"))
    return {path.parent.name: json.loads(path.read_text()) for path in found}


def test_an_interrupted_demo_leaves_nothing_and_the_next_one_recovers(begin: Callable[[], Demo]) -> None:
    dice = random.Random(SEED)
    print(f"MAILFLEET_SEED={SEED}")
    before = set(runs())
    for _ in range(MOMENTS):
        moment, way = dice.uniform(0.5, LATEST_SECONDS), dice.choice(sorted(WAYS))
        demo = begin()
        try:
            assert demo.make.wait(moment) == 0, f"it failed by itself: {demo.words.read_text()[-2000:]}"
            print(f"the demo was done before {moment:.1f} s")
        except subprocess.TimeoutExpired:
            print(f"{way} after {moment:.1f} s: all gone {interrupt(demo, way):.1f} s later")

    last = begin()
    interrupted = [name for name in sorted(set(runs()) - before) if runs()[name]["state"] == "running"]
    deadline = time.monotonic() + RECOVERY_SECONDS
    while any(runs()[name]["state"] == "running" for name in interrupted):
        assert last.make.poll() is None, last.words.read_text()[-2000:]
        assert time.monotonic() < deadline, last.words.read_text()[-2000:]
        time.sleep(0.2)
    for name in interrupted:
        assert runs()[name]["recovered"] in last.words.read_text()
    interrupt(last, "SIGTERM to make")
