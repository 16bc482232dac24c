"""Takes one lead file in."""

from __future__ import annotations

from prefect import flow

from tasks.naming import run_name
from tasks.take_leads import take_file


@flow(name="take-leads", flow_run_name=run_name("take-leads {tenant} {file}"))
async def take_leads(file: str, tenant: str, direction: str | None = None) -> dict[str, int]:
    """Take `file`, a path on the control machine, in for `tenant`; `direction` is for files without such a column."""
    return await take_file(file, tenant, direction)
