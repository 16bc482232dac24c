"""Opens a wave, and shows what got its way out and what a stop holds."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE

from mailfleet.acts import open_wave as act
from tasks.opened import BACKOFF, JITTER, RETRIES, ledger, may_pass
from tasks.tables import counts


@task(
    task_run_name="give routes", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def give_routes() -> dict[str, int]:
    """Route what is due; what has a route keeps it, so it may be tried again."""
    opened = asdict(await asyncio.to_thread(act.open_wave, ledger()))
    await acreate_table_artifact(
        table=counts(opened), key="open-wave", description="What the wave took, and what is held"
    )
    return {name: value for name, value in opened.items() if isinstance(value, int)}
