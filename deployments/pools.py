"""Work pools and their queues: one queue for each node, and one pool for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

CONTROL, SENDERS = "control", "senders"
MEANINGS = {
    CONTROL: "Everything that is not sending: imports, plans, feedback, house-keeping.",
    SENDERS: "Sending. Each node's worker takes its own queue and no other.",
}


async def apply(client: PrefectClient, nodes: Sequence[str]) -> list[str]:
    """Both pools and a queue for each node are there; what an operator paused stays paused."""
    changes = [line for pool in MEANINGS for line in await _pool(client, pool)]
    there = {queue.name for queue in await client.read_work_queues(work_pool_name=SENDERS)}
    for node in nodes:
        if node not in there:
            await client.create_work_queue(
                name=node, work_pool_name=SENDERS, description=f"What {node} runs."
            )
            changes.append(f"queue {SENDERS}/{node}: new")
    return changes


async def prune(client: PrefectClient, nodes: Iterable[str]) -> list[str]:
    """Queues of nodes that the ledger no longer names are gone, and with them what was scheduled there."""
    kept = {*nodes, "default"}
    changes = []
    for queue in await client.read_work_queues(work_pool_name=SENDERS):
        if queue.name not in kept:
            await client.delete_work_queue_by_id(queue.id)
            changes.append(f"queue {SENDERS}/{queue.name}: gone")
    return changes


async def _pool(client: PrefectClient, name: str) -> list[str]:
    template = job_template()
    found = await _found(client, name)
    if found is None:
        wanted = WorkPoolCreate(
            name=name, type="process", description=MEANINGS[name], base_job_template=template
        )
        await client.create_work_pool(wanted)
        return [f"pool {name}: new"]
    if found.base_job_template == template and found.description == MEANINGS[name]:
        return []
    changed = WorkPoolUpdate(description=MEANINGS[name], base_job_template=template)
    await client.update_work_pool(name, changed)
    return [f"pool {name}: description or job template changed"]


def job_template() -> dict[str, Any]:
    """How a worker starts a run: `python`, as found on the worker's PATH, in one process.

    Without a template the first worker would have to bring it. Without a command Prefect imports itself in a
    second process first, to fetch code and its dependencies, which here are installed: a second of CPU a run.
    """
    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["command"]["default"] = "python -m prefect.engine"
    return template


async def _found(client: PrefectClient, name: str) -> WorkPool | None:
    try:
        return await client.read_work_pool(name)
    except ObjectNotFound:
        return None
