"""Sends one node's share of the wave until nothing is due. Runs on the node's own queue."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prefect import flow

from tasks.naming import run_name
from tasks.read_node import read_log
from tasks.send_wave import send_share, show_progress, show_wave, skipped, too_late

if TYPE_CHECKING:
    from uuid import UUID

    from mailfleet.acts.send_wave import Share

AT_MOST, AT_LONGEST = 1000, 60.0  # of one task
QUEUE_SECONDS = 10.0  # how long the wave waits for its node to have tried everything


@flow(name="send-wave", flow_run_name=run_name("send-wave {node}"), retries=0)
async def send_wave(node: str, minutes: int = 10):  # type: ignore[no-untyped-def]  # counts, or a state that says why not
    """Send what is due on `node`, for at most `minutes`, and read its log. Another wave of the node ends it calmly."""
    if late := too_late():
        return skipped(late)
    ends_at = time.monotonic() + 60 * minutes
    shares: list[Share] = []
    shown: UUID | None = None
    while (left := ends_at - time.monotonic()) > 0:
        share = await send_share(node, at_most=AT_MOST, seconds=min(left, AT_LONGEST))
        if share is None:
            return skipped(f"another wave of {node} is on its way")
        if not share.ended:
            break
        shares.append(share)
        shown = await show_progress(node, sum(sum(one.ended.values()) for one in shares), shown)
    ended = await show_wave(node, shares)
    await read_log(node, patience=QUEUE_SECONDS)
    return ended
