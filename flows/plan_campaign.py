"""Plans what leaves today."""

from __future__ import annotations

from datetime import datetime

from prefect import flow

from tasks.naming import run_name
from tasks.plan_campaign import plan


@flow(name="plan-campaign", flow_run_name=run_name("plan-campaign"))
async def plan_campaign(campaign: str | None = None, until: datetime | None = None) -> dict[str, int]:
    """Enrol and plan every campaign that runs, or the one named `tenant/campaign`; no slot is later than `until`."""
    return await plan(campaign, until)
