"""Takes in what came back."""

from __future__ import annotations

from prefect import flow

from tasks.naming import run_name
from tasks.take_feedback import end_overdue, store_mail, understand


@flow(name="take-feedback", flow_run_name=run_name("take-feedback"))
async def take_feedback() -> dict[str, int]:
    """Store every mail raw, understand what waits and draw its consequences, and end what comes back too late."""
    return {**await store_mail(), **await understand(), **await end_overdue()}
