"""What the server has of ours and the files no longer name goes."""

from __future__ import annotations

from collections.abc import Iterable

from prefect.client.orchestration import PrefectClient

from deployments import automations, deployed, limits, pools
from deployments.wanted import Wanted


async def prune(
    client: PrefectClient, wanted: Iterable[Wanted], nodes: Iterable[str], alerts: Iterable[str]
) -> list[str]:
    """Deployments by our tag, automations by our prefix, queues of nodes that are no more, limits."""
    kept = deployed.names(wanted)
    changes = []
    for name, found in (await deployed.read_ours(client)).items():
        if name not in kept:
            await client.delete_deployment(found.id)
            changes.append(f"deployment {name}: gone")
    changes += await automations.prune(client, alerts)
    return changes + await pools.prune(client, nodes) + await limits.prune(client)
