"""Opens a wave."""

from __future__ import annotations

from prefect import flow

from tasks.naming import run_name
from tasks.open_wave import give_routes


@flow(name="open-wave", flow_run_name=run_name("open-wave"))
async def open_wave() -> dict[str, int]:
    """Give every planned message that is due its way out."""
    return await give_routes()
