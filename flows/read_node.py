"""Reads a node's log and queue. Runs on the node's own queue."""

from __future__ import annotations

from prefect import flow

from tasks.naming import run_name
from tasks.read_node import read_log


@flow(name="read-node", flow_run_name=run_name("read-node {node}"))
async def read_node(node: str) -> dict[str, int]:
    """Store what the node's Postfix has said of our messages since the last time."""
    return await read_log(node)
