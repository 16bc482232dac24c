"""Reads what a node's Postfix says, and writes down that the node lives."""

from __future__ import annotations

import asyncio
import time

from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE

from mailfleet.acts import read_node as act
from tasks.opened import BACKOFF, JITTER, RETRIES, keys, may_pass, node_ledger, settings
from tasks.tables import counts

LOOK_SECONDS = 0.5


@task(
    task_run_name="read the log of {node}", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def read_log(node: str, patience: float = 0.0) -> dict[str, int]:
    """Store the lines of our messages, from where the last reader ended, so it may be tried again.

    A node tries once, so its queue lives for seconds: for at most `patience` of them it is waited for to be empty.
    """
    until = time.monotonic() + patience
    read = await asyncio.to_thread(_read, node)
    while read["queued"] and time.monotonic() < until:
        await asyncio.sleep(LOOK_SECONDS)
        again = await asyncio.to_thread(_read, node)
        read = {name: read[name] + count for name, count in again.items()} | {"queued": again["queued"]}
    await acreate_table_artifact(
        table=counts(read), key=f"node-{node}", description=f"Log and queue of {node}"
    )
    return read


def _read(node: str) -> dict[str, int]:
    told = settings()
    return act.read_node(
        node_ledger(node), keys(), node=node, log=told.path("postfix_log"),
        postqueue=told.postfix_bin_dir / "postqueue", config_dir=told.postfix_config_dir,
    )  # fmt: skip
