"""Sends the ledger's alerts out as Prefect events, until the server has been seen to hold them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from uuid import NAMESPACE_OID, UUID, uuid5

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events import Event, Resource
from prefect.events.filters import EventFilter, EventIDFilter

from db.outbox import Alert
from mailfleet.acts import alerts as act
from tasks.opened import BACKOFF, JITTER, RETRIES, ledger

LOOKS, PAUSE = 20, 0.5  # the server writes events down in batches, about one a second
PAGE = 50  # what it shows at once


class NotConfirmed(Exception):
    """Prefect's server did not keep some alerts; they wait in the outbox and will be sent again."""


@task(
    task_run_name="emit alerts", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER, cache_policy=NO_CACHE,
)  # fmt: skip
async def emit_alerts() -> int:
    """Every alert that waits is an event on the server, and acknowledged; the same one is never two events.

    An emitted event gives no sign when it is lost, so it counts only when the server can show it.
    """
    waiting = await asyncio.to_thread(act.waiting, ledger())
    confirmed: list[int] = []
    async with get_client() as client:
        for page in (waiting[at : at + PAGE] for at in range(0, len(waiting), PAGE)):
            kept = await _kept(client, [event_of(alert) for alert in page])
            confirmed += [alert.outbox_id for alert in page if event_id(alert) in kept]
            await asyncio.to_thread(act.acknowledge, ledger(), confirmed)
    if len(confirmed) < len(waiting):
        raise NotConfirmed(
            f"{len(waiting) - len(confirmed)} of {len(waiting)} alerts were not kept by Prefect's server"
        )
    return len(confirmed)


def event_id(alert: Alert) -> UUID:
    """The same for the same alert, in every try; another ledger's alert of this number has another time."""
    return uuid5(NAMESPACE_OID, f"mailfleet alert {alert.outbox_id} {alert.created_at.isoformat()}")


def event_of(alert: Alert) -> Event:
    """The alert as automations see it."""
    name = alert.resource.removeprefix("mailfleet.").replace(".", " ")
    labels = {"prefect.resource.id": alert.resource, "prefect.resource.name": name}
    return Event(
        id=event_id(alert), event=alert.event, resource=Resource(labels),
        payload=alert.payload | {"since": alert.created_at.isoformat()},
    )  # fmt: skip


async def _kept(client: PrefectClient, events: Sequence[Event]) -> set[UUID]:
    """Those of the events that the server shows when asked, after sending all of them."""
    await client.request("POST", "/events", json=[event.model_dump(mode="json") for event in events])
    wanted = {event.id for event in events}
    for _ in range(LOOKS):
        found = await _shown(client, wanted)
        if found == wanted:
            break
        await asyncio.sleep(PAUSE)
    return found


async def _shown(client: PrefectClient, ids: Iterable[UUID]) -> set[UUID]:
    page = await client.read_events(EventFilter(id=EventIDFilter(id=list(ids))), limit=PAGE)
    return {event.id for event in page.events}
