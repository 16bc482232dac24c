"""Limits that hold over all runs, wherever they run. A task that asks for one does it with strict=True."""

from __future__ import annotations

from prefect.client.orchestration import PrefectClient

# Lead files read at once: each holds one connection of the ledger and asks the resolver for every domain.
PREFIX = "mailfleet-"  # what bears it and is not named here is pruned
LIMITS = {"mailfleet-lead-files": 4}


async def apply(client: PrefectClient) -> list[str]:
    """Every limit is there with its size."""
    found = await _found(client)
    changes = []
    for name, size in LIMITS.items():
        if found.get(name) != size:
            await client.upsert_global_concurrency_limit_by_name(name=name, limit=size)
            changes.append(f"limit {name}: {size}" + (f", was {found[name]}" if name in found else ""))
    return changes


async def prune(client: PrefectClient) -> list[str]:
    """Limits of ours that the table no longer names are gone."""
    gone = [name for name in await _found(client) if name.startswith(PREFIX) and name not in LIMITS]
    for name in gone:
        await client.delete_global_concurrency_limit_by_name(name)
    return [f"limit {name}: gone" for name in gone]


async def _found(client: PrefectClient) -> dict[str, int]:
    return {limit.name: limit.limit for limit in await client.read_global_concurrency_limits(limit=200)}
