"""A wave as a node's worker runs it: by its deployment, on its queue."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import FlowRun
from prefect.states import Scheduled

from deployments import apply, runs
from mailfleet.settings import load
from mailfleet.settings.keys import write_keyring
from mailfleet.stack import prefect_server
from tests.conftest import Ledger
from tests.prefect.conftest import Running, run
from tests.send.given import KEYS, small_fleet
from tests.send.sink import Sink
from tests.send.test_kill import numbers, sink_in_a_thread

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
MESSAGES = 300


@pytest.fixture
def node(ledger: Ledger, tmp_path: Path) -> dict[str, str]:
    """What node-1 is told; its Postfix has said nothing yet."""
    ring = {"ENCRYPTION_KEYS": KEYS.seal, "TOKEN_KEYS": KEYS.tokens, "HASH_KEYS": KEYS.hashes}
    for name, keyring in ring.items():
        write_keyring(tmp_path / name, keyring.keys[1])
    (tmp_path / "mail.log").touch()
    return {
        "DATABASE_NODE_URL": ledger.url("node-1"), "NODE_NAME": "node-1", "NODE_STATE_DIR": str(tmp_path),
        "POSTFIX_LOG": str(tmp_path / "mail.log"), "POSTFIX_BIN_DIR": str(tmp_path),
        **{name: str(tmp_path / name) for name in ring},
    }  # fmt: skip


@contextmanager
def worker(running: Running, env: dict[str, str]) -> Iterator[None]:
    program = prefect_server.worker(
        running.server, "node-1", pool="senders", queue="node-1", limit=3, env=env
    )
    with program.log.open("ab") as log:
        process = subprocess.Popen(
            program.argv, env=dict(program.env), cwd=program.cwd, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def waves_at_once(count: int) -> list[FlowRun]:
    """Waves of node-1 that start together; one that was cancelled by Prefect's own limit counts as ended too."""

    async def start() -> list[FlowRun]:
        async with get_client() as client:
            wave = await client.read_deployment_by_name("send-wave/node-1")
            made = [await client.create_flow_run_from_deployment(wave.id) for _ in range(count)]
            return await runs.wait(client, [one.id for one in made], seconds=90)

    return run(start())


def late_wave() -> FlowRun:
    """A wave whose time was half an hour ago."""

    async def start() -> list[FlowRun]:
        async with get_client() as client:
            wave = await client.read_deployment_by_name("send-wave/node-1")
            then = Scheduled(scheduled_time=datetime.now(UTC) - timedelta(minutes=30))
            made = await client.create_flow_run_from_deployment(wave.id, state=then)
            return await runs.wait(client, [made.id], seconds=90)

    return run(start())[0]


def lift_prefects_limit() -> None:
    """So that only the ledger keeps two waves apart."""

    async def lift(client: PrefectClient) -> None:
        wave = await client.read_deployment_by_name("send-wave/node-1")
        await client.request(
            "PATCH", "/deployments/{id}", path_params={"id": wave.id}, json={"concurrency_limit": 5}
        )

    async def main() -> None:
        async with get_client() as client:
            await lift(client)

    run(main())


def latest_table(key: str) -> str:
    async def read() -> str:
        async with get_client() as client:
            found = await client.read_latest_artifacts(
                artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
            )
            return str(found[0].data)

    return run(read())


def test_two_waves_of_one_node_at_once_send_nothing_twice(
    server: Running, ledger: Ledger, node: dict[str, str]
) -> None:
    sink = Sink()

    async def a_moment(_: bytes) -> None:
        await asyncio.sleep(0.2)

    sink.before_body_reply = a_moment
    with sink_in_a_thread(sink):
        fleet = small_fleet(ledger, sink.port)
        for number in range(MESSAGES):
            fleet.message(f"p{number}")
        told = load({"DATABASE_URL": ledger.url("control"), "PREFECT_API_URL": server.server.api})
        run(apply.apply_all(told, scheduled=False))
        lift_prefects_limit()
        with worker(server, node):
            skipped = late_wave()
            assert (skipped.state_name, sink.taken) == ("Skipped", []), skipped.state
            ended = waves_at_once(2)
    assert sorted(one.state_name or "" for one in ended) == ["Completed", "Skipped"]
    assert fleet.states() == {"submitted": MESSAGES}
    assert sorted(numbers(sink).values()) == [1] * MESSAGES
    assert all(one.name.startswith("send-wave node-1 · 20") for one in ended)
    assert f'"submitted": {MESSAGES}' in latest_table("wave-node-1")
