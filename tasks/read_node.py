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
    while read.get("queued") and time.monotonic() < until:
        await asyncio.sleep(LOOK_SECONDS)
        again = await asyncio.to_thread(_read, node)
        read = {n: count if n == "queued" else read.get(n, 0) + count for n, count in again.items()}
    await acreate_table_artifact(
        table=counts(read), key=f"node-{node}", description=f"Log and queue of {node}"
    )
    return read


def _read(node: str) -> dict[str, int]:
    told, ledger = settings(), node_ledger(node)
    if told.postfix_log is None and not act.has_postfix(ledger, node):
        return {"lines": 0}  # its ways out are not ours to read: there is no log and no queue
    return act.read_node(
        ledger, keys(), node=node, log=told.path("postfix_log"),
        postqueue=told.postfix_bin_dir / "postqueue", config_dir=told.postfix_config_dir,
    )  # fmt: skip
