"""Plans campaigns, and shows what was planned."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime

from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE

from mailfleet.acts import plan_campaign as act
from tasks.opened import BACKOFF, JITTER, RETRIES, keys, ledger, may_pass
from tasks.tables import counts


@task(
    task_run_name="plan", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def plan(campaign: str | None, until: datetime | None) -> dict[str, int]:
    """Enrol and plan; what is planned already stays as it is, so it may be tried again."""
    planned = asdict(await asyncio.to_thread(act.plan, ledger(), keys(), campaign=campaign, until=until))
    await acreate_table_artifact(
        table=counts(planned), key="plan", description=f"Plan: {campaign or 'every campaign'}"
    )
    return {name: value for name, value in planned.items() if isinstance(value, int)}
