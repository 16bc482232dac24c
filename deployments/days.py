"""Runs a timetable: moves a demo's business clock forward and starts each step's deployments by the API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient

from db import clock
from db.engine import Engine, transaction
from deployments import runs
from deployments.demo_days import Step
from deployments.runs import RunLost, Start

STEP_SECONDS = 240.0
SATURDAY = 5

Told = dict[str, Any]


class NotADemo(Exception):
    """The ledger's business clock cannot be moved."""


async def run_days(
    client: PrefectClient,
    engine: Engine,
    steps: Sequence[Step],
    *,
    heard: Callable[[Told], None],
    quiet: Callable[[], None],
    opt_outs: Callable[[], object] = lambda: None,
) -> None:
    """Every step has run, each after the one before. `heard` is told when a step begins and how it ended.

    `quiet` returns when the outside world has nothing more to answer. Raises RunLost, NotADemo.
    """
    first = await asyncio.to_thread(first_moment, engine)
    for number, step in enumerate(steps, start=1):
        if step.quiet:
            await _wait(quiet)
        at = await asyncio.to_thread(advance, engine, business_time(first.date(), step))
        if step.opt_outs:
            await asyncio.to_thread(opt_outs)
        told = {"step": step.name, "at": f"{at:%Y-%m-%d %H:%M}", "number": number, "of": len(steps)}
        starts = slots_until(step, at.date())
        heard({"event": "begins", **told, "runs": [start.key for start in starts]})
        began = time.perf_counter()
        key = f"{engine.url.database}/{number}"
        ended = await runs.run(client, starts, key=key, seconds=STEP_SECONDS)
        states = sorted([one.name, one.state_name] for one in ended)
        heard({"event": "ended", **told, "runs": states, "seconds": round(time.perf_counter() - began, 2)})


def slots_until(step: Step, day: date) -> tuple[Start, ...]:
    """The step's starts; those of a plan are told the day's latest slot."""
    if step.until is None:
        return step.starts
    until = datetime.combine(day, step.until, UTC).isoformat()
    return tuple(replace(start, parameters={**start.parameters, "until": until}) for start in step.starts)


def business_time(first: date, step: Step) -> datetime:
    """When a step is: its day counts working days from the first."""
    day = first
    for _ in range(step.day - 1):
        day += timedelta(days=1)
        while day.weekday() >= SATURDAY:
            day += timedelta(days=1)
    return datetime.combine(day, step.at, UTC)


async def _wait(quiet: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(quiet)
    except OSError as problem:
        raise RunLost(f"the outside world did not finish answering: {problem}") from None


def first_moment(engine: Engine) -> datetime:
    """The business time now. Raises NotADemo where it is the wall clock's."""
    with transaction(engine) as conn:
        if not clock.is_demo(conn):
            raise NotADemo(
                "this ledger runs on the wall clock and has no days to play: DATABASE_URL must name a demo's"
            )
        return clock.now(conn)


def advance(engine: Engine, to: datetime) -> datetime:
    """The business clock is at `to`, or already later; it says when. Only a demo's clock can be moved."""
    with transaction(engine) as conn:
        if clock.now(conn) < to:
            clock.move(conn, to)
        return clock.now(conn)
