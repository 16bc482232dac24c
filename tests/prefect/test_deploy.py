"""`python -m deployments` makes the server look like the files, once; what an operator paused stays paused."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate

from db import audit
from db.engine import plain_engine, transaction
from deployments import apply, deployed, wanted
from mailfleet.settings import Settings
from tests.conftest import Ledger
from tests.prefect.conftest import run

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.slow,
    pytest.mark.usefixtures("server"),
]
T = TypeVar("T")
WEBHOOK = {"slack_webhook_url": "http://127.0.0.1:9/services/x"}


def asked(question: Callable[[PrefectClient], Awaitable[T]]) -> T:
    async def ask() -> T:
        async with get_client() as client:
            return await question(client)

    return run(ask())


def deploy(settings: Settings, *, scheduled: bool = True) -> list[str]:
    return run(apply.apply_all(settings, scheduled=scheduled))


async def everything(client: PrefectClient) -> dict[str, Any]:
    """All that a deploy may touch, with its ids."""
    ours = await deployed.read_ours(client)
    return {
        "deployments": {
            name: one.model_dump(exclude={"last_polled", "status"}) for name, one in ours.items()
        },
        "automations": [one.model_dump() for one in await client.read_automations()],
        "pools": [one.model_dump(exclude={"status"}) for one in await client.read_work_pools()],
        "queues": [
            one.model_dump(exclude={"last_polled", "status"}) for one in await client.read_work_queues()
        ],
        "limits": [one.model_dump() for one in await client.read_global_concurrency_limits(limit=200)],
        "blocks": [one.model_dump() for one in await client.read_block_documents()],
    }


@pytest.fixture
def with_webhook(settings: Settings) -> Settings:
    return settings.model_copy(update=WEBHOOK)


def test_the_second_deploy_changes_nothing(with_webhook: Settings) -> None:
    deploy(with_webhook)
    before = asked(everything)
    assert deploy(with_webhook) == []
    assert asked(everything) == before


def test_every_deployment_has_a_description_tags_and_its_place(settings: Settings) -> None:
    deploy(settings)
    there = asked(deployed.read_ours)
    assert set(there) == {
        "take-leads/file",
        "plan-campaign/audience", "open-wave/due", "take-feedback/maildirs", "keep-house/ledger", "report/books",
        "send-wave/node-1", "send-wave/node-2", "read-node/node-1", "read-node/node-2",
    }  # fmt: skip
    for name, one in there.items():
        assert one.description
        assert len(one.tags) >= 2
        flow, _, place = name.partition("/")
        expected = ("senders", place) if flow in ("send-wave", "read-node") else ("control", "default")
        assert (one.work_pool_name, one.work_queue_name) == expected


def test_a_changed_field_is_changed_back_and_named(settings: Settings) -> None:
    deploy(settings)
    wave = asked(lambda client: client.read_deployment_by_name("send-wave/node-1"))
    patch = {"description": "mine", "concurrency_limit": 5, "parameters": {"node": "node-2"}}
    asked(
        lambda client: client.request("PATCH", "/deployments/{id}", path_params={"id": wave.id}, json=patch)
    )
    assert deploy(settings) == [
        "deployment send-wave/node-1: concurrency_limit, description, parameters changed"
    ]
    again = asked(lambda client: client.read_deployment_by_name("send-wave/node-1"))
    assert again.id == wave.id
    assert again.global_concurrency_limit
    assert again.global_concurrency_limit.limit == 1
    assert [one.id for one in again.schedules] == [one.id for one in wave.schedules]


def test_what_operators_paused_stays_paused_when_its_deployment_changes(with_webhook: Settings) -> None:
    deploy(with_webhook)

    async def pause_all(client: PrefectClient) -> None:
        for name, one in (await deployed.read_ours(client)).items():
            if name == "send-wave/node-2":
                for schedule in one.schedules:
                    await client.update_deployment_schedule(one.id, schedule.id, active=False)
            elif name == "send-wave/node-1":
                await client.pause_deployment(one.id)
            patch = {"description": "changed by hand", "tags": one.tags}
            await client.request("PATCH", "/deployments/{id}", path_params={"id": one.id}, json=patch)
        for queue in await client.read_work_queues(work_pool_name="senders"):
            if queue.name == "node-1":
                await client.update_work_queue(queue.id, is_paused=True)
        await client.update_work_pool("control", WorkPoolUpdate(is_paused=True, base_job_template={}))
        for automation in await client.read_automations():
            await client.pause_automation(automation.id)

    asked(pause_all)
    assert len(deploy(with_webhook)) > 8
    now = asked(everything)
    assert now["deployments"]["send-wave/node-1"]["paused"]
    assert not now["deployments"]["send-wave/node-2"]["paused"]
    assert [one["active"] for one in now["deployments"]["send-wave/node-2"]["schedules"]] == [False]
    assert [one["active"] for one in now["deployments"]["send-wave/node-1"]["schedules"]] == [True]
    assert {one["name"]: one["is_paused"] for one in now["queues"]}["node-1"]
    assert {one["name"]: one["is_paused"] for one in now["pools"]}["control"]
    assert not any(one["enabled"] for one in now["automations"])

    async def resume_all(client: PrefectClient) -> None:
        await client.update_work_pool("control", WorkPoolUpdate(is_paused=False))
        for queue in await client.read_work_queues(work_pool_name="senders"):
            await client.update_work_queue(queue.id, is_paused=False)
        for automation in await client.read_automations():
            await client.resume_automation(automation.id)
        for one in (await deployed.read_ours(client)).values():
            await client.resume_deployment(one.id)
            for schedule in one.schedules:
                await client.update_deployment_schedule(one.id, schedule.id, active=True)

    asked(resume_all)


def test_what_the_files_no_longer_name_is_pruned(with_webhook: Settings, ledger: Ledger) -> None:
    deploy(with_webhook)
    with plain_engine(ledger.url("owner")).begin() as conn:
        conn.exec_driver_sql("DELETE FROM mailfleet.nodes WHERE name = 'node-2'")

    async def add_limit(client: PrefectClient) -> None:
        await client.upsert_global_concurrency_limit_by_name(name="mailfleet-of-old", limit=3)
        await client.upsert_global_concurrency_limit_by_name(name="somebody-elses", limit=3)

    asked(add_limit)
    said = deploy(with_webhook.model_copy(update={"slack_webhook_url": None}), scheduled=False)
    for line in ("deployment send-wave/node-2: gone", "deployment read-node/node-2: gone", "queue senders/node-2: gone",
                 "schedule keep-house: gone", "automation mailfleet: an alert of the ledger: gone",
                 "limit mailfleet-of-old: gone"):  # fmt: skip
        assert line in said
    assert "limit somebody-elses: gone" not in said
    now = asked(everything)
    assert "send-wave/node-2" not in now["deployments"]
    assert not any(one["schedules"] for one in now["deployments"].values())
    assert [one["name"] for one in now["automations"]] == ["mailfleet: a run without heartbeat has crashed"]
    assert now["blocks"] == []


def test_a_stranger_on_the_server_is_left_alone(settings: Settings) -> None:
    deploy(settings)

    async def add(client: PrefectClient) -> None:
        flow = await client.create_flow_from_name("somebody-else")
        await client.create_deployment(flow, "theirs", tags=["other"])

    asked(add)
    assert deploy(settings) == []
    assert asked(lambda client: client.read_deployment_by_name("somebody-else/theirs")).tags == ["other"]


def test_the_command_says_what_it_changed_and_then_that_there_is_nothing(told: dict[str, str]) -> None:
    first = subprocess.run(
        [sys.executable, "-m", "deployments"], env=told, capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"\d+ changes|nothing to change", first.stdout.splitlines()[-1])
    argv = [sys.executable, "-m", "mailfleet", "deploy"]
    again = subprocess.run(argv, env=told, capture_output=True, text=True, check=True)
    assert again.stdout.splitlines() == [
        "nobody is told of alerts: SLACK_WEBHOOK_URL is not set",
        "nothing to change",
    ]
    assert again.stderr == ""


def test_what_a_deploy_changed_stands_in_the_audit(settings: Settings, ledger: Ledger) -> None:
    deploy(settings)
    wave = asked(lambda client: client.read_deployment_by_name("send-wave/node-1"))
    patch = {"description": "mine"}
    asked(
        lambda client: client.request("PATCH", "/deployments/{id}", path_params={"id": wave.id}, json=patch)
    )
    changes = deploy(settings.model_copy(update={"mailfleet_actor": "anna"}))
    assert changes == ["deployment send-wave/node-1: description changed"]
    assert deploy(settings) == []
    with transaction(ledger.engine()) as conn:
        newest, *_ = audit.acts(conn, subject="prefect", limit=9)
        assert audit.verify(conn) is None
    assert (newest.actor, newest.act, newest.details) == ("anna", "deployed", {"changes": changes})


def test_a_server_that_takes_the_line_and_says_nothing_is_one_line_and_exit_code_2(
    told: dict[str, str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        argv = [sys.executable, "-m", "mailfleet", "deploy"]
        ended = subprocess.run(
            argv, env=told | {"PREFECT_API_URL": url}, capture_output=True, text=True, check=False, timeout=60
        )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"does not answer at {url}" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"PREFECT_API_URL": "http://127.0.0.1:9/api"}, "does not answer at http://127.0.0.1:9/api"),
        ({"PREFECT_API_URL": ""}, "PREFECT_API_URL is not set"),
        ({"DATABASE_URL": "postgresql://a@127.0.0.1:9/b"}, "database unreachable"),
    ],
)
def test_what_is_not_there_is_one_line_and_exit_code_2(
    told: dict[str, str], wrong: dict[str, str], says: str
) -> None:
    argv = [sys.executable, "-m", "mailfleet", "deploy"]
    ended = subprocess.run(argv, env=told | wrong, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


def test_a_wrong_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "prefect.yaml"
    place = "work_pool: {name: control, work_queue_name: default}"
    entry = f"{{name: x, entrypoint: flows/x.py:x, description: d, tags: [mailfleet], {place}}}"
    file.write_text(f"deployments: [{entry}]\nfor-each-node: []\n")
    with pytest.raises(wanted.FileRefused, match=r"prefect.yaml: entrypoint"):
        wanted.read([], file)
