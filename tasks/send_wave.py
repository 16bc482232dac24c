"""Sends a node's share of a wave, and shows how it goes and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from prefect import task
from prefect.artifacts import acreate_progress_artifact, acreate_table_artifact, aupdate_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from db import clock, waves
from mailfleet.acts import send_wave as act
from mailfleet.acts.in_thread import in_transaction
from mailfleet.acts.send_wave import Share, WaveBusy
from tasks.opened import keys, node_ledger, settings
from tasks.tables import summed

LATE_SECONDS = 600


def skipped(why: str) -> State[None]:
    """An end without alarm: the run did nothing, and says why."""
    return Completed(name="Skipped", message=why)


def too_late() -> str | None:
    """Why this run should not begin any more, or None: after an outage every missed wave would start at once."""
    late = (datetime.now(UTC) - flow_run.scheduled_start_time).total_seconds()
    return f"{late // 60:.0f} minutes late: the next wave takes its place" if late > LATE_SECONDS else None


@task(task_run_name="send a share on {node}", retries=0, cache_policy=NO_CACHE)
async def send_share(node: str, at_most: int, seconds: float) -> Share | None:
    """Send what is due on this node, and count how each one ended; None while another run sends here.

    retries=0 on purpose: the ledger knows what to try again, Prefect would repeat what may have left.
    """
    try:
        return await act.send_share(
            node_ledger(node), keys(), node=node, holder=str(flow_run.id), at_most=at_most, seconds=seconds,
            state_dir=settings().path("node_state_dir"),
        )  # fmt: skip
    except WaveBusy:
        return None


@task(task_run_name="show how far {node} is", retries=0, cache_policy=NO_CACHE)
async def show_progress(node: str, sent: int, shown: UUID | None) -> UUID:
    """The share of what was due that has been sent, on a bar; the id to show the next one on."""
    left = await in_transaction(
        node_ledger(node), lambda conn: waves.due(conn, node=node, now=clock.now(conn))
    )
    share = 100.0 * sent / (sent + left) if sent + left else 100.0
    if shown is None:
        made = await acreate_progress_artifact(
            progress=share, key=f"progress-{node}", description=f"What was due on {node}"
        )
        return UUID(str(made))
    await aupdate_progress_artifact(artifact_id=shown, progress=share)
    return shown


@task(task_run_name="show the wave of {node}", retries=0, cache_policy=NO_CACHE)
async def show_wave(node: str, shares: Sequence[Share]) -> dict[str, int]:
    """The wave's table by receiver and egress, and its count by state."""
    table = summed(row for share in shares for row in share.receivers)
    ended: Counter[str] = Counter()
    for share in shares:
        ended.update(share.ended)
    seconds = sum(share.seconds for share in shares)
    said = f"Wave of {node}: {sum(ended.values())} messages in {seconds:.1f} s"
    await acreate_table_artifact(table=table, key=f"wave-{node}", description=said)
    return dict(ended)
