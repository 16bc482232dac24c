"""Takes in what came back."""

from __future__ import annotations

from prefect import flow

from tasks.naming import run_name
from tasks.take_feedback import store_mail, understand


@flow(name="take-feedback", flow_run_name=run_name("take-feedback"))
async def take_feedback() -> dict[str, int]:
    """Store every mail raw, then understand what waits and draw its consequences."""
    return {**await store_mail(), **await understand()}
