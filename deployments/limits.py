"""Limits that hold over all runs, wherever they run. A task that asks for one does it with strict=True."""

from __future__ import annotations

from prefect.client.orchestration import PrefectClient

# Lead files read at once: each holds one connection of the ledger and asks the resolver for every domain.
LIMITS = {"lead-files": 4}


async def apply(client: PrefectClient) -> list[str]:
    """Every limit is there with its size."""
    found = {limit.name: limit.limit for limit in await client.read_global_concurrency_limits(limit=200)}
    changes = []
    for name, size in LIMITS.items():
        if found.get(name) != size:
            await client.upsert_global_concurrency_limit_by_name(name=name, limit=size)
            changes.append(f"limit {name}: {size}" + (f", was {found[name]}" if name in found else ""))
    return changes
