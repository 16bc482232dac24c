"""Takes one lead file in, and shows the books of the import."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.concurrency.asyncio import concurrency

from mailfleet.acts import take_leads as act
from tasks.opened import actor, keys, ledger, settings
from tasks.tables import counts


@task(task_run_name="take the file in", retries=0, cache_policy=NO_CACHE)
async def take_file(file: str, tenant: str, direction: str | None) -> dict[str, int]:
    """Take the file in, whole or not at all.

    retries=0: when only the answer was lost the file is in, and would be counted again.
    """
    told = settings()
    async with concurrency("mailfleet-lead-files", strict=True):
        intake = await asyncio.to_thread(
            act.take_leads, ledger(), keys(), file=Path(file), tenant=tenant, direction=direction, actor=actor(),
            servers=told.dns_servers, regions=told.data_regions, well_known=told.well_known_domains,
        )  # fmt: skip
    books = {name: value for name, value in asdict(intake).items() if name != "import_id"}
    await acreate_table_artifact(
        table=counts(books),
        key=f"import-{tenant}",
        description=f"Import {intake.import_id}: {Path(file).name}, {tenant}",
    )
    return {name: value for name, value in books.items() if isinstance(value, int)}
