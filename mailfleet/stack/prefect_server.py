"""Prefect's server and workers as programs: what they are told by environment, and when they are ready."""

import base64
import http.client
import json
import os
import secrets
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mailfleet.stack import places, ports
from mailfleet.stack.programs import Program, Rank
from mailfleet.stack.secret_files import secret

REMOVED = ("PREFECT_", "PG", "DATABASE_")  # a user's own settings do not reach our servers
ANSWER_SECONDS = 5.0

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_CLI_COLORS": "false",
}
SERVER = {
    # The default keeps leases in memory: a restart of the server would crash every running wave.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_MESSAGING_BROKER": "prefect.server.utilities.messaging.memory",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "P30D",
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P7D",
}


@dataclass(frozen=True)
class Server:
    """Where Prefect's server of a stack listens, and what it and its clients are told."""

    root: Path
    port: int
    database: str = field(repr=False)
    poll_seconds: int = 2
    heartbeat_seconds: int = 30

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.ui}/api"

    def environment(self) -> Mapping[str, str]:
        """What every client of this server is told; it names no secret of the server's."""
        return (
            clean_environment()
            | QUIET
            | {
                "PREFECT_HOME": str(self.root / "prefect"),
                "PREFECT_API_URL": self.api,
                "PREFECT_WORKER_QUERY_SECONDS": str(self.poll_seconds),
                "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(self.heartbeat_seconds),
            }
        )


def prepare(root: Path, database: str) -> Server:
    """A server on that database (`postgresql://…`) and the port of the last time, while it is free."""
    places.open_folder(root / "prefect", 0o700)
    remembered = root / "prefect-port"
    port = ports.free_port(int(remembered.read_text()) if remembered.exists() else None)
    remembered.write_text(str(port))
    return Server(root, port, database)


def program(server: Server) -> Program:
    """The server itself; it alone knows its database and its encryption key."""
    environment = (
        dict(server.environment())
        | SERVER
        | {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": server.database.replace(
                "postgresql:", "postgresql+asyncpg:", 1
            ),
            "PREFECT_SERVER_ENCRYPTION_KEY": secret(server.root, "prefect-encryption-key", fernet_key),
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(server.port),
            "PREFECT_SERVER_UI_API_URL": server.api,
        }
    )
    return Program(
        name="prefect",
        argv=(
            sys.executable,
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(server.port),
        ),
        env=environment,
        log=server.root / "prefect.log",
        cwd=places.CLONE,
        rank=Rank.PREFECT,
    )


def worker(
    server: Server, name: str, *, pool: str, queue: str, limit: int, env: Mapping[str, str]
) -> Program:
    """A worker bound to one queue; without a limit it would start every late run at once."""
    of_queue = (
        "--pool",
        pool,
        "--work-queue",
        queue,
        "--name",
        name,
        "--limit",
        str(limit),
        "--type",
        "process",
    )
    # A run is started as `python`: it must be this one.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return Program(
        name=f"worker {name}",
        argv=(sys.executable, "-m", "prefect", "worker", "start", *of_queue),
        env=dict(server.environment()) | {"PATH": path} | dict(env),
        log=server.root / f"worker-{name}.log",
        cwd=places.CLONE,
        rank=Rank.WORKER,
    )


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(REMOVED)}


def fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def is_healthy(server: Server) -> bool:
    return answers(f"{server.api}/health")


def answers(url: str) -> bool:
    """Whether a GET there is answered with success."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def call(server: Server, method: str, path: str, body: object = None) -> Any:
    """One request to the API, answered as JSON."""
    request = urllib.request.Request(
        server.api + path, method=method, headers={"Content-Type": "application/json"}
    )
    told = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, told, timeout=ANSWER_SECONDS) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def settle_orphans(server: Server, *, scheduled: bool) -> int:
    """No worker runs yet: what a former stack left as running has crashed; how many did is returned.

    With `scheduled`, runs that wait for a worker are cancelled too: they belong to a run that is over.
    """
    crashed = set_states(server, ("RUNNING", "PENDING", "CANCELLING"), "CRASHED", "its servers were ended")
    if scheduled:
        set_states(server, ("SCHEDULED", "PAUSED"), "CANCELLED", "the run that wanted it was ended")
    return crashed


def set_states(server: Server, found: Iterable[str], state: str, message: str) -> int:
    """Set every run in one of these states to another, and count them."""
    wanted = {"flow_runs": {"state": {"type": {"any_": list(found)}}}, "limit": 200}
    changed = 0
    while runs := call(server, "POST", "/flow_runs/filter", wanted):
        for run in runs:
            order = {"state": {"type": state, "name": state.capitalize(), "message": message}, "force": True}
            call(server, "POST", f"/flow_runs/{run['id']}/set_state", order)
        changed += len(runs)
    return changed


def workers_since(server: Server, pool: str, began: datetime) -> set[str]:
    """The workers that have called since then: one of a former stack counts as online for a while."""
    found = call(server, "POST", f"/work_pools/{pool}/workers/filter", {})
    heard = {worker["name"]: worker["last_heartbeat_time"] or "" for worker in found}
    return {name for name, at in heard.items() if at and datetime.fromisoformat(at) >= began}
