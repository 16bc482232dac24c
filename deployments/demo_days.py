"""The demo's three working days as data: what runs at which business time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time

from deployments.runs import Start

DAYS = 3


@dataclass(frozen=True)
class Step:
    """What starts at the same time and has ended before the next step begins."""

    day: int
    at: time
    name: str
    starts: tuple[Start, ...]
    quiet: bool = False  # the outside world must have finished answering before


def steps(leads: Sequence[tuple[str, str]], nodes: Sequence[str], days: int = DAYS) -> list[Step]:
    """The steps in order; `leads` are (file, tenant)."""
    files = tuple(Start("take-leads/file", {"file": file, "tenant": tenant}) for file, tenant in leads)
    first = Step(1, time(9), f"Take {len(files)} lead files in", files)
    return [first, *(step for day in range(1, days + 1) for step in _day(day, nodes, days))]


def _day(day: int, nodes: Sequence[str], days: int) -> Iterator[Step]:
    read, send = _on_each(nodes, "read-node"), _on_each(nodes, "send-wave")
    evening = (*read, FEEDBACK, HOUSE)
    if day > 1:
        yield Step(day, time(8), "Take in what came back, keep house", evening, quiet=True)
    yield Step(day, time(9), "Plan the day", (Start("plan-campaign/audience"),))
    yield Step(day, time(12), "Open the wave", (OPEN,))
    yield Step(day, time(12), "Send on every node", send)
    if day == 1:
        yield Step(
            day, time(16), "Take in what came back, open the second wave", (FEEDBACK, OPEN), quiet=True
        )
        yield Step(day, time(16), "Send the second wave on every node", send)
    if day == days:
        yield Step(day, time(19), "Take in what came back, keep house", evening, quiet=True)


def _on_each(nodes: Sequence[str], flow: str) -> tuple[Start, ...]:
    return tuple(Start(f"{flow}/{node}") for node in nodes)


OPEN = Start("open-wave/due")
FEEDBACK = Start("take-feedback/maildirs")
HOUSE = Start("keep-house/ledger")
