"""The block that alerts are posted with, kept as the settings say."""

from __future__ import annotations

from uuid import UUID

from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound

from blocks.alerts import NAME, alert_channel

SLUG = CustomWebhookNotificationBlock.get_block_type_slug()


async def apply(client: PrefectClient, url: str | None) -> tuple[UUID | None, list[str]]:
    """The saved block's id where an address is set, else None and no block; with what changed."""
    found = await _found(client)
    if url is None:
        if found is None:
            return None, []
        await client.delete_block_document(found.id)
        return None, [f"block {NAME}: gone, SLACK_WEBHOOK_URL is not set"]
    if found is not None and found.data["secrets"] == {"webhook": url}:
        return found.id, []
    saved = await alert_channel(url).save(NAME, overwrite=True)
    return UUID(str(saved)), [f"block {NAME}: {'changed' if found else 'new'}"]


async def _found(client: PrefectClient) -> BlockDocument | None:
    try:
        return await client.read_block_document_by_name(NAME, SLUG, include_secrets=True)
    except ObjectNotFound:
        return None
