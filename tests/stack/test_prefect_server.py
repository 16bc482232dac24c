"""Prefect's server on a cluster of our own: it starts, keeps its runs, and writes nothing into HOME."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailfleet.stack import local, places
from mailfleet.stack.prefect_server import Server, call, settle_orphans, worker, workers_since
from mailfleet.stack.supervised import supervised

pytestmark = [pytest.mark.slow, pytest.mark.prefect]


@pytest.fixture
def root() -> Iterator[Path]:
    with places.scratch("prefect") as folder:
        yield folder


def run_in(server: Server, state: str) -> str:
    flow = call(server, "POST", "/flows/", {"name": "send-wave"})["id"]
    return str(call(server, "POST", "/flow_runs/", {"flow_id": flow, "state": {"type": state}})["id"])


def state_of(server: Server, run: str) -> str:
    return str(call(server, "GET", f"/flow_runs/{run}")["state"]["type"])


def test_runs_of_a_former_stack_are_crashed_or_cancelled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = places.open_folder(root / "home")
    monkeypatch.setenv("HOME", str(home))
    with supervised(root) as stack:
        server = local.start_prefect(stack, local.start_postgres(stack))
        runs = {state: run_in(server, state) for state in ("RUNNING", "PENDING", "SCHEDULED", "COMPLETED")}
        assert settle_orphans(server, scheduled=False) == 2
        assert state_of(server, runs["SCHEDULED"]) == "SCHEDULED"
        later = run_in(server, "RUNNING")
    with supervised(root) as stack:
        again = local.start_prefect(stack, local.start_postgres(stack))
        assert again.port == server.port
        assert settle_orphans(again, scheduled=True) == 1
        ended = {state: state_of(again, run) for state, run in runs.items()}
        assert ended == {
            "RUNNING": "CRASHED",
            "PENDING": "CRASHED",
            "SCHEDULED": "CANCELLED",
            "COMPLETED": "COMPLETED",
        }
        assert state_of(again, later) == "CRASHED"

        call(again, "POST", "/work_pools/", {"name": "senders", "type": "process"})
        began = datetime.now(UTC)
        assert workers_since(again, "senders", began) == set()
        node = worker(again, "node-1", pool="senders", queue="node-1", limit=2, env={})
        local.start_workers(stack, again, {"senders": [node]})
        assert workers_since(again, "senders", began) == {"node-1"}
    assert list(home.iterdir()) == []
