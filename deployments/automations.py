"""Automations: what makes a person look, and what ends a run whose process is gone.

They are known by their names, and changed only when they differ: a change starts their windows anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.automations import AutomationCore
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events import EventTrigger, Posture
from prefect.events.actions import ChangeFlowRunState, SendNotification

from deployments.wanted import OURS

PREFIX = f"{OURS}: "
HEARTBEAT = timedelta(seconds=30)  # PREFECT_FLOWS_HEARTBEAT_FREQUENCY of every worker
ANY_RUN: dict[str, str | list[str]] = {"prefect.resource.id": "prefect.flow-run.*"}
WATCHED = {"keep-house": timedelta(minutes=30), "take-feedback": timedelta(minutes=30)}


def wanted(channel: UUID | None, *, scheduled: bool) -> list[AutomationCore]:
    """Those that this installation needs: without a channel nobody is told, without schedules nothing is missing."""
    if channel is None:
        return [_zombies()]
    missing = [_missing(channel, flow, within) for flow, within in WATCHED.items()] if scheduled else []
    return [_zombies(), _failed(channel), _alerts(channel), *missing]


async def apply(client: PrefectClient, automations: Sequence[AutomationCore]) -> list[str]:
    """Each is there once, as wanted. One that an operator switched off stays off."""
    changes = []
    for automation in automations:
        same = await client.read_automations_by_name(automation.name)
        for double in same[1:]:
            await client.delete_automation(double.id)
        if not same:
            await client.create_automation(automation)
            changes.append(f"automation {automation.name}: new")
        elif _told(same[0]) != _told(automation):
            kept = automation.model_copy(update={"enabled": same[0].enabled})
            await client.update_automation(same[0].id, kept)
            changes.append(f"automation {automation.name}: changed")
    return changes


async def prune(client: PrefectClient, kept: Iterable[str]) -> list[str]:
    """Automations of ours that are not named here are gone."""
    names = set(kept)
    changes = []
    for found in await client.read_automations():
        if found.name.startswith(PREFIX) and found.name not in names:
            await client.delete_automation(found.id)
            changes.append(f"automation {found.name}: gone")
    return changes


def _zombies() -> AutomationCore:
    return AutomationCore(
        name=f"{PREFIX}a run without heartbeat has crashed",
        description="Its process or its machine is gone; without this it would count as running for ever.",
        tags=[OURS],
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"}, expect={"prefect.flow-run.*"}, match=ANY_RUN,
            for_each={"prefect.resource.id"}, posture=Posture.Proactive, threshold=1, within=3 * HEARTBEAT,
        ),
        actions=[ChangeFlowRunState(
            name="Crashed", state=StateType.CRASHED, message="no heartbeat: its process is gone", force=False
        )],
    )  # fmt: skip


def _failed(channel: UUID) -> AutomationCore:
    # Cancelled runs are not named: a wave that found another one running was cancelled for calm.
    return AutomationCore(
        name=f"{PREFIX}a run failed or crashed",
        description="Tells the channel which run, with its message and address.",
        tags=[OURS],
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"}, match=ANY_RUN,
            match_related={"prefect.resource.id": f"prefect.tag.{OURS}", "prefect.resource.role": "tag"},
            for_each={"prefect.resource.id"}, posture=Posture.Reactive, threshold=1, within=timedelta(0),
        ),
        actions=[SendNotification(
            block_document_id=channel,
            subject="{{ flow.name }} {{ flow_run.state.name | lower }}: {{ flow_run.name }}",
            body="{{ flow_run.state.message }}\n{{ flow_run | ui_url }}",
        )],
    )  # fmt: skip


def _alerts(channel: UUID) -> AutomationCore:
    return AutomationCore(
        name=f"{PREFIX}an alert of the ledger",
        description="Tells the channel what the outbox says: breakers, stops, and what else a person must know.",
        tags=[OURS],
        trigger=EventTrigger(
            expect={f"{OURS}.*"}, match={"prefect.resource.id": f"{OURS}.*"},
            for_each={"prefect.resource.id"}, posture=Posture.Reactive, threshold=1, within=timedelta(0),
        ),
        actions=[SendNotification(
            block_document_id=channel,
            subject="{{ event.event }}: {{ event.resource.name }}",
            body="{% for name, value in event.payload.items() %}{{ name }}: {{ value }}\n{% endfor %}",
        )],
    )  # fmt: skip


def _missing(channel: UUID, flow: str, within: timedelta) -> AutomationCore:
    minutes = int(within.total_seconds() // 60)
    return AutomationCore(
        name=f"{PREFIX}{flow} is missing",
        description=f"No run of {flow} completed in {minutes} minutes: workers, Prefect or the ledger are in trouble.",
        tags=[OURS],
        trigger=EventTrigger(
            expect={"prefect.flow-run.Completed"}, match=ANY_RUN,
            match_related={"prefect.resource.name": flow, "prefect.resource.role": "flow"},
            posture=Posture.Proactive, threshold=1, within=within,
        ),
        actions=[SendNotification(
            block_document_id=channel,
            subject=f"{flow} is missing",
            body=f"no run of it completed in {minutes} minutes: look at the workers of pool control",
        )],
    )  # fmt: skip


def _told(automation: AutomationCore) -> Any:
    """What the files decide about it: neither whether it is switched on, nor ids the server gave."""
    told = automation.model_dump(
        mode="json", include=set(AutomationCore.model_fields) - {"enabled", "owner_resource"}
    )
    return _plain(told)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(part) for key, part in value.items() if key != "id"}
        case list() if all(isinstance(part, str) for part in value):
            return sorted(value)  # sets have no order
        case list():
            return [_plain(part) for part in value]
    return value
