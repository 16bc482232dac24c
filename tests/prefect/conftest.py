"""A real Prefect server for the session, on the test cluster, told the same as in production."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_EPHEMERAL_ENABLED,
    temporary_settings,
)

from db.engine import plain_engine, transaction
from mailfleet.acts.fleet import add_node
from mailfleet.acts.fleet_words import NewNode
from mailfleet.settings import Settings, load
from mailfleet.settings.keys import write_keyring
from mailfleet.stack import prefect_server
from mailfleet.stack.prefect_server import Server
from tests.conftest import NODES, Ledger

START_SECONDS = 90


@dataclass
class Running:
    """A server that tests may stop and start again."""

    server: Server
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        program = prefect_server.program(self.server)
        with program.log.open("ab") as log:
            self.process = subprocess.Popen(
                program.argv, env=dict(program.env), cwd=program.cwd, stdout=log, stderr=log
            )
        end = time.monotonic() + START_SECONDS
        while not prefect_server.is_healthy(self.server):
            assert self.process.poll() is None, program.log.read_text()[-2000:]
            assert time.monotonic() < end, program.log.read_text()[-2000:]
            time.sleep(0.2)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """Clients in this process talk to this server."""
        with temporary_settings({
            PREFECT_API_URL: self.server.api, PREFECT_SERVER_EPHEMERAL_ENABLED: False, PREFECT_HOME: self.server.root / "prefect",
        }):  # fmt: skip
            yield


@pytest.fixture(scope="session")
def running(cluster_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    name = f"prefect_{secrets.token_hex(4)}"
    with plain_engine(cluster_url).connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        admin.exec_driver_sql(f"CREATE DATABASE {name}")
        root = tmp_path_factory.mktemp("prefect")
        running = Running(prefect_server.prepare(root, f"{cluster_url.rsplit('/', 1)[0]}/{name}"))
        running.start()
        try:
            yield running
        finally:
            running.stop()
            admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def server(running: Running) -> Iterator[Running]:
    """The running server, as this process's own."""
    with running.told():
        yield running


@pytest.fixture
def told(running: Running, ledger: Ledger, tmp_path: Path) -> dict[str, str]:
    """What the control side is told; the ledger has two nodes."""
    with transaction(ledger.engine()) as conn:
        for node in NODES:
            add_node(conn, ledger.roles, NewNode(name=node, host=f"{node}.example"), actor="test")
    for name in ("encryption_keys", "token_keys", "hash_keys"):
        write_keyring(tmp_path / name, secrets.token_bytes(32))
    keys = {name: str(tmp_path / name.lower()) for name in ("ENCRYPTION_KEYS", "TOKEN_KEYS", "HASH_KEYS")}
    (tmp_path / "mail").mkdir()
    ours = {
        "DATABASE_URL": ledger.url("control"),
        "MAILDIR_ROOT": str(tmp_path / "mail"),
        "ROLE_PREFIX": ledger.roles.prefix,
    }
    return {**running.server.environment(), **keys, **ours}


@pytest.fixture
def settings(told: dict[str, str]) -> Settings:
    return load(told)


def run(coroutine):  # type: ignore[no-untyped-def]
    return asyncio.run(coroutine)
