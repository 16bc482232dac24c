"""Starts deployments by the API, all at once, and waits until each run has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun

LOOK_SECONDS = 0.25


class RunLost(Exception):
    """A run did not do what it was started for; the text names it and says why."""


@dataclass(frozen=True)
class Start:
    """A deployment to run, by its full name."""

    deployment: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells this start from another one of the same step."""
        return "/".join([self.deployment, *(str(value) for value in self.parameters.values())])


async def run(client: PrefectClient, starts: Sequence[Start], *, key: str, seconds: float) -> list[FlowRun]:
    """The completed runs of these starts. The same key gives the same runs. Raises RunLost."""
    begun = await asyncio.gather(*(_start(client, one, key) for one in starts))
    ended = await wait(client, [one.id for one in begun], seconds=seconds)
    if lost := [one for one in ended if one.state is None or not one.state.is_completed()]:
        raise RunLost("; ".join(f"{one.name} ended {one.state_name}: {_why(one)}" for one in lost))
    return ended


async def wait(client: PrefectClient, ids: Sequence[UUID], *, seconds: float) -> list[FlowRun]:
    """These runs, each ended, however. Raises RunLost when that takes too long."""
    try:
        async with asyncio.timeout(seconds):
            while not all(map(_is_over, found := await _read(client, ids))):
                await asyncio.sleep(LOOK_SECONDS)
            return found
    except TimeoutError:
        late = [one for one in await _read(client, ids) if not _is_over(one)]
        names = ", ".join(f"{one.name} is {one.state_name}" for one in late)
        raise RunLost(f"after {seconds:.0f} s {names}: do the workers run?") from None


async def _start(client: PrefectClient, start: Start, key: str) -> FlowRun:
    deployment = await client.read_deployment_by_name(start.deployment)
    return await client.create_flow_run_from_deployment(
        deployment.id, parameters=dict(start.parameters), idempotency_key=f"{key}/{start.key}"
    )


async def _read(client: PrefectClient, ids: Sequence[UUID]) -> list[FlowRun]:
    return await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(ids))))


def _is_over(found: FlowRun) -> bool:
    return found.state is not None and found.state.is_final()


def _why(found: FlowRun) -> str:
    message = (found.state.message if found.state else None) or "it says nothing"
    return message.strip().splitlines()[0]
