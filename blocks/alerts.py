"""Where alerts are posted: a webhook that takes `{"text": …}`, as Slack and many others do."""

from __future__ import annotations

from prefect.blocks.notifications import CustomWebhookNotificationBlock

NAME = "mailfleet-alerts"


def alert_channel(url: str) -> CustomWebhookNotificationBlock:
    """The block for this address, which is a secret: who knows it can post there."""
    return CustomWebhookNotificationBlock(
        name=NAME,
        url="{{webhook}}",
        headers=None,
        cookies=None,
        json_data={"text": "{{subject}}\n{{body}}"},
        secrets={"webhook": url},  # type: ignore[arg-type]  # a mapping becomes a SecretDict
    )
