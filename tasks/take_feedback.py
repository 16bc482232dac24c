"""Stores the mail that came back, and understands what waits in the inbox."""

from __future__ import annotations

import asyncio

from prefect import get_run_logger, task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE

from mailfleet.acts import house
from mailfleet.acts import take_feedback as act
from tasks.opened import BACKOFF, JITTER, RETRIES, keys, ledger, may_pass, settings
from tasks.tables import counts


@task(
    task_run_name="store mail", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def store_mail() -> dict[str, int]:
    """Every new mail of the maildirs is in the inbox, raw. The same bytes are stored once, so it may be tried again."""
    root = settings().maildir_root
    if root is None:
        get_run_logger().warning("MAILDIR_ROOT is not set: no mail that came back is stored here")
        return {"taken": 0}
    return await asyncio.to_thread(act.take_maildirs, ledger(), root)


@task(
    task_run_name="understand", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def understand() -> dict[str, int]:
    """What waited is applied; an item and its consequences are one transaction, so it may be tried again."""
    understood = await asyncio.to_thread(act.drain, ledger(), keys())
    await acreate_table_artifact(
        table=counts(understood), key="feedback", description="What came back, and what it was"
    )
    return understood


@task(
    task_run_name="end overdue", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def end_overdue() -> dict[str, int]:
    """What would be tried again after its time has expired."""
    return {"expired": await asyncio.to_thread(house.expire, ledger())}
