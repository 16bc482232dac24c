"""Keeps the ledger in order, and sends its alerts out."""

from __future__ import annotations

from prefect import flow

from tasks.emit_alerts import emit_alerts
from tasks.keep_house import keep, recover, settle, show_house
from tasks.naming import run_name


@flow(name="keep-house", flow_run_name=run_name("keep-house"))
async def keep_house() -> dict[str, int]:
    """Recover what dead workers left, settle what is unknown, end what is over, and tell whom it concerns."""
    found = {**await recover(), **await settle(), **await keep()}
    found["alerts sent"] = await emit_alerts()
    await show_house(found)
    return found
