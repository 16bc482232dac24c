"""The demo's three working days as data: what runs at which business time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from deployments.runs import Start

DAYS = 3
FIRST_WAVE, SECOND_WAVE = (
    time(12),
    time(14, 30),
)  # UTC: somebody's afternoon in Asia, somebody's morning in America


@dataclass(frozen=True)
class Step:
    """What starts at the same time and has ended before the next step begins."""

    day: int
    at: time
    name: str
    starts: tuple[Start, ...]
    until: time | None = None  # the latest slot that a plan of this step may give
    quiet: bool = False  # the outside world must have finished answering before
    opt_outs: bool = False  # a client's list of people who must not be written to arrives just before


def steps(leads: Sequence[Mapping[str, Any]], nodes: Sequence[str], days: int = DAYS) -> list[Step]:
    """The steps in order; `leads` are the parameters of the imports."""
    files = tuple(Start("take-leads/file", parameters) for parameters in leads)
    first = Step(1, time(9), f"Take {len(files)} lead files in", files)
    return [first, *(step for day in range(1, days + 1) for step in _day(day, nodes, days))]


def _day(day: int, nodes: Sequence[str], days: int) -> Iterator[Step]:
    read, send = _on_each(nodes, "read-node"), _on_each(nodes, "send-wave")
    if day > 1:
        yield Step(day, time(8), "Take in what came back, keep house", (FEEDBACK, HOUSE), quiet=True)
    yield Step(day, time(9), "Plan the day", (PLAN,), until=SECOND_WAVE)
    if day == 1:
        yield Step(day, FIRST_WAVE, "Open the wave", (OPEN,))
        yield Step(day, FIRST_WAVE, "Send on every node", send)
        second = "Take in what came back, open the second wave"
        yield Step(day, SECOND_WAVE, second, (FEEDBACK, OPEN), quiet=True, opt_outs=True)
        yield Step(day, SECOND_WAVE, "Send the second wave on every node", send)
    else:
        yield Step(day, SECOND_WAVE, "Open the wave", (OPEN,))
        yield Step(day, SECOND_WAVE, "Send on every node", send)
    if day == days:
        yield Step(day, time(19), "Take in what came back, keep house", (*read, FEEDBACK, HOUSE), quiet=True)


def _on_each(nodes: Sequence[str], flow: str) -> tuple[Start, ...]:
    return tuple(Start(f"{flow}/{node}") for node in nodes)


PLAN = Start("plan-campaign/audience")
OPEN = Start("open-wave/due")
FEEDBACK = Start("take-feedback/maildirs")
HOUSE = Start("keep-house/ledger")
