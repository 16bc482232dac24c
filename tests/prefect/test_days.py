"""The demo's days: its clock, its runs, and what it says when one is lost."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun

from deployments import apply, days, runs
from deployments.demo_days import Step
from deployments.runs import RunLost, Start
from mailfleet.settings import Settings
from tests.conftest import Ledger
from tests.prefect.conftest import run

MONDAY, FRIDAY = date(2027, 3, 1), date(2027, 3, 5)


@pytest.mark.parametrize(
    ("first", "day", "falls_on"),
    [
        (MONDAY, 1, MONDAY),
        (MONDAY, 3, date(2027, 3, 3)),
        (FRIDAY, 2, date(2027, 3, 8)),  # over the weekend
        (MONDAY, 6, date(2027, 3, 8)),
    ],
)
def test_a_step_falls_on_a_working_day(first: date, day: int, falls_on: date) -> None:
    assert days.business_time(first, Step(day, time(9), "x", ())) == datetime.combine(falls_on, time(9), UTC)


def test_the_clock_moves_forward_and_never_back(demo_ledger: Ledger) -> None:
    engine = demo_ledger.engine()
    first = days.first_moment(engine)
    later = days.advance(engine, first + timedelta(days=1))
    assert later >= first + timedelta(days=1)
    assert days.advance(engine, first) >= later


def test_a_ledger_on_the_wall_clock_has_no_days(ledger: Ledger) -> None:
    with pytest.raises(days.NotADemo, match="wall clock"):
        days.first_moment(ledger.engine())


@pytest.mark.prefect
@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_run_that_nobody_takes_is_named_and_the_same_key_gives_the_same_run(settings: Settings) -> None:
    run(apply.apply_all(settings, scheduled=False))

    async def start(key: str) -> list[FlowRun]:
        async with get_client() as client:
            with pytest.raises(RunLost, match=r"after 1 s .* is Scheduled: do the workers run\?"):
                await runs.run(client, [Start("open-wave/due")], key=key, seconds=1)
            return await client.read_flow_runs()

    before = len(run(start("one")))
    assert len(run(start("one"))) == before
    assert len(run(start("two"))) == before + 1


def test_an_outside_world_that_never_ends_is_said_in_a_line(demo_ledger: Ledger) -> None:
    def quiet() -> None:
        raise TimeoutError("timed out")

    step = Step(1, time(9), "x", (), quiet=True)
    with pytest.raises(RunLost, match="did not finish answering: timed out"):
        run(days.run_days(None, demo_ledger.engine(), [step], heard=lambda _: None, quiet=quiet))  # type: ignore[arg-type]
