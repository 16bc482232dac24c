"""Deployments on the server: created, compared field by field, and changed only where they differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.flows import load_flow_from_entrypoint

from deployments import schedules
from deployments.wanted import OURS, Wanted

PAGE = 200


async def read_ours(client: PrefectClient) -> dict[str, DeploymentResponse]:
    """Every deployment on the server that carries our tag, by its full name (`send-wave/node-1`)."""
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[OURS]))
    found: list[DeploymentResponse] = []
    while page := await client.read_deployments(deployment_filter=ours, limit=PAGE, offset=len(found)):
        found += page
    flows = await _flow_names(client)
    return {f"{flows[one.flow_id]}/{one.name}": one for one in found}


async def _flow_names(client: PrefectClient) -> dict[UUID, str]:
    names: dict[UUID, str] = {}
    while page := await client.read_flows(limit=PAGE, offset=len(names)):
        names |= {flow.id: flow.name for flow in page}
    return names


async def apply(client: PrefectClient, wanted: Iterable[Wanted]) -> list[str]:
    """Each of these is on the server as wanted. What an operator paused stays paused."""
    there = await read_ours(client)
    changes: list[str] = []
    for one in wanted:
        flow: Flow[..., Any] = load_flow_from_entrypoint(one.entrypoint, use_placeholder_flow=False)
        name = f"{flow.name}/{one.name}"
        if name in there:
            changes += await _update(client, name, there[name], one, flow)
        else:
            await _create(client, one, flow)
            changes.append(f"deployment {name}: new")
    return changes


def names(wanted: Iterable[Wanted]) -> set[str]:
    """The full names of these."""
    return {f"{load_flow_from_entrypoint(one.entrypoint).name}/{one.name}" for one in wanted}


async def _create(client: PrefectClient, wanted: Wanted, flow: Flow[..., Any]) -> None:
    flow_id = await client.create_flow_from_name(flow.name)
    await client.create_deployment(
        flow_id,
        wanted.name,
        schedules=[schedules.new(cron) for cron in wanted.schedules],
        **_fields(wanted, flow),
    )


async def _update(
    client: PrefectClient, name: str, found: DeploymentResponse, wanted: Wanted, flow: Flow[..., Any]
) -> list[str]:
    fields = _fields(wanted, flow)
    different = {field: value for field, value in fields.items() if _now(found, field) != value}
    if different:
        # `paused` and `schedules` are not named here, so they stay as an operator left them.
        moved = {} if different.keys().isdisjoint(PLACE) else {field: fields[field] for field in PLACE}
        await client.update_deployment(
            found.id, DeploymentUpdate(**(different | moved | {"tags": wanted.tags}))
        )
    said = [f"deployment {name}: {', '.join(sorted(different))} changed"] if different else []
    return said + await schedules.apply(client, found, wanted.schedules)


PLACE = ("work_pool_name", "work_queue_name")  # one without the other means another queue


def _fields(wanted: Wanted, flow: Flow[..., Any]) -> dict[str, Any]:
    limit = wanted.concurrency_limit
    return {
        "entrypoint": wanted.entrypoint,
        "description": wanted.description,
        "tags": wanted.tags,
        "parameters": wanted.parameters,
        "parameter_openapi_schema": flow.parameters.model_dump_for_openapi(),
        "enforce_parameter_schema": True,
        "work_pool_name": wanted.work_pool.name,
        "work_queue_name": wanted.work_pool.work_queue_name,
        "concurrency_limit": limit.limit if limit else None,
        "concurrency_options": _options(wanted),
    }


def _options(wanted: Wanted) -> ConcurrencyOptions | None:
    limit = wanted.concurrency_limit
    return ConcurrencyOptions.model_validate(limit.model_dump(exclude={"limit"})) if limit else None


def _now(found: DeploymentResponse, field: str) -> Any:
    if field == "concurrency_limit":
        return found.global_concurrency_limit.limit if found.global_concurrency_limit else None
    return getattr(found, field)
