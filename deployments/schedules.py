"""A deployment's schedules, known by their slugs: an operator's pause of one survives."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule

from deployments.wanted import Cron


def new(cron: Cron) -> DeploymentScheduleCreate:
    """A schedule that runs from the start."""
    return DeploymentScheduleCreate(schedule=_schedule(cron), parameters=cron.parameters, slug=cron.slug)


async def apply(client: PrefectClient, found: DeploymentResponse, wanted: Sequence[Cron]) -> list[str]:
    """The deployment has these schedules and no others."""
    known = {schedule.slug: schedule for schedule in found.schedules}
    added = [cron for cron in wanted if cron.slug not in known]
    if added:
        await client.create_deployment_schedules(found.id, [new(cron) for cron in added])
    changed = [cron for cron in wanted if cron.slug in known and _differs(known[cron.slug], cron)]
    for cron in changed:
        await client.update_deployment_schedule(
            found.id, known[cron.slug].id, schedule=_schedule(cron), parameters=cron.parameters
        )
    gone = [schedule for schedule in found.schedules if schedule.slug not in {cron.slug for cron in wanted}]
    for schedule in gone:
        await client.delete_deployment_schedule(found.id, schedule.id)
    return [
        *(f"schedule {cron.slug}: new, {cron.cron} {cron.timezone}" for cron in added),
        *(f"schedule {cron.slug}: now {cron.cron} {cron.timezone}" for cron in changed),
        *(f"schedule {schedule.slug or schedule.id}: gone" for schedule in gone),
    ]


def _schedule(cron: Cron) -> CronSchedule:
    return CronSchedule(cron=cron.cron, timezone=cron.timezone)


def _differs(found: DeploymentSchedule, wanted: Cron) -> bool:
    return found.schedule != _schedule(wanted) or found.parameters != wanted.parameters
