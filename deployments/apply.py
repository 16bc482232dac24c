"""Makes a Prefect server look like the files, says what changed, and changes nothing the second time."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence

from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError

from db import fleet
from db.engine import DatabaseRefused, Engine, open_engine, transaction
from deployments import automations, channel, deployed, limits, pools, wanted
from deployments.prune import prune
from mailfleet.acts import installation
from mailfleet.settings import Settings, SettingsRefused, load

REFUSED = 2
ANSWER_SECONDS = 10.0


class ServerRefused(Exception):
    """Prefect's server cannot be used; the text says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command: exit code 0, or 2 with one line that says what to do."""
    parser = argparse.ArgumentParser(prog="python -m deployments", description=__doc__)
    parser.add_argument(
        "--without-schedules", action="store_true", help="deploy with no cron schedule at all"
    )
    told = parser.parse_args(argv)
    logging.getLogger("prefect").setLevel(logging.ERROR)
    try:
        settings = load()
        changes = asyncio.run(apply_all(settings, scheduled=not told.without_schedules))
    except (SettingsRefused, DatabaseRefused, wanted.FileRefused) as refused:
        return refuse(str(refused))
    except (ServerRefused, PrefectHTTPStatusError) as problem:
        return refuse(str(problem).splitlines()[0])
    if settings.slack_webhook_url is None:
        print("nobody is told of alerts: SLACK_WEBHOOK_URL is not set")
    print("\n".join([*changes, summary(changes)]))
    return 0


def summary(changes: Sequence[str]) -> str:
    """How much changed, in one line."""
    return f"{len(changes)} changes" if changes else "nothing to change"


def refuse(line: str) -> int:
    """One line, and the exit code for it."""
    print(f"mailfleet: {line}", file=sys.stderr)
    return REFUSED


async def apply_all(settings: Settings, *, scheduled: bool) -> list[str]:
    """Pools before deployments, the channel before the automations that use it, and pruning last."""
    settings.url("prefect_api_url")
    nodes = known_nodes(settings)
    asked = wanted.read(nodes)
    if not scheduled:
        asked = [one.model_copy(update={"schedules": []}) for one in asked]
    async with get_client() as client:
        await must_answer(client)
        changes = await _apply(client, settings.slack_webhook_url, nodes, asked, scheduled=scheduled)
    if changes:
        installation.deployed(_ledger(settings), changes, actor=settings.mailfleet_actor or "deploy")
    return changes


async def _apply(
    client: PrefectClient,
    webhook: str | None,
    nodes: Sequence[str],
    asked: Sequence[wanted.Wanted],
    *,
    scheduled: bool,
) -> list[str]:
    changes = await pools.apply(client, nodes) + await limits.apply(client)
    changes += await deployed.apply(client, asked)
    block, said = await channel.apply(client, webhook)
    rules = automations.wanted(block, scheduled=scheduled)
    changes += said + await automations.apply(client, rules)
    return changes + await prune(client, asked, nodes, [rule.name for rule in rules])


async def must_answer(client: PrefectClient) -> None:
    """Raises ServerRefused where Prefect's server is not there."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            problem = await client.api_healthcheck()
    except TimeoutError as silent:  # somebody takes the line and says nothing
        problem = silent
    if problem:
        raise ServerRefused(
            f"Prefect's server does not answer at {client.api_url}: start it, or correct PREFECT_API_URL"
        )


def known_nodes(settings: Settings) -> list[str]:
    """The nodes that the ledger names."""
    with transaction(_ledger(settings)) as conn:
        return sorted(fleet.nodes(conn))


def _ledger(settings: Settings) -> Engine:
    return open_engine(settings.url("database_url"))
