"""Recovery, reconciliation and what the house does by itself; each is safe to do twice."""

from __future__ import annotations

import asyncio

from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE

from mailfleet.acts import house, recovery, settle_unknown, suppress_everywhere
from tasks.opened import BACKOFF, JITTER, RETRIES, keys, ledger, may_pass
from tasks.tables import counts


@task(
    task_run_name="recover", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def recover() -> dict[str, int]:
    """What dead workers had claimed is planned again; what they had begun is unknown."""
    return await asyncio.to_thread(recovery.recover, ledger())


@task(
    task_run_name="settle", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def settle() -> dict[str, int]:
    """Unknown messages of which there is evidence are settled."""
    return await asyncio.to_thread(settle_unknown.settle, ledger())


@task(
    task_run_name="keep", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def keep() -> dict[str, int]:
    """Holds, messages and enrolments whose time is over have ended, and the coming months have their tables."""
    await asyncio.to_thread(suppress_everywhere.spread, ledger(), keys())
    return await asyncio.to_thread(house.keep, ledger())


@task(task_run_name="show the house", retries=0, cache_policy=NO_CACHE)
async def show_house(found: dict[str, int]) -> None:
    """What was done, as a table."""
    await acreate_table_artifact(table=counts(found), key="house", description="What house-keeping did")
