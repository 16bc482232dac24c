"""`mailfleet up`: one machine with everything but a sandbox, and the same again at the next start."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from db import fleet
from db.engine import open_engine, transaction
from mailfleet.acts.fleet_words import NewTenant
from mailfleet.acts.keys import open_keys
from mailfleet.acts.tenants import add_tenant
from mailfleet.mail.ids import Token, write_token
from mailfleet.settings import load
from mailfleet.stack import ledger, local, machine, places, ports, prefect_server
from mailfleet.stack.ledger import Ledger
from mailfleet.stack.steps import Steps
from mailfleet.stack.supervised import supervised

pytestmark = [pytest.mark.slow, pytest.mark.prefect]


@pytest.fixture
def root() -> Iterator[Path]:
    with places.scratch("machine") as folder:
        yield folder


def add_node(root: Path, name: str) -> None:
    with supervised(root) as stack:
        ours = ledger.create(Ledger(local.start_postgres(stack), root, machine.DATABASE))
        engine = open_engine(ours.url("control"))
        with transaction(engine) as conn:
            fleet.add_node(conn, name=name, host="node-3.fleet.example", role_name=ours.roles.node(name))
        engine.dispose()


def test_a_machine_starts_with_its_nodes_and_tells_a_shell_how_to_use_it(root: Path) -> None:
    add_node(root, "node-3")
    with supervised(root) as stack:
        port = ports.free_port()
        running = machine.start(stack, Steps(), web_host="127.0.0.1", web_port=port)
        assert {"worker control", "worker node-3", "web", "prefect", "postgresql"} <= set(stack.pids)
        found = prefect_server.call(running.server, "POST", "/deployments/filter", {})
        assert "send-wave/node-3" in {
            f"{each['entrypoint'].rsplit('.')[-1].replace('_', '-')}/{each['name']}" for each in found
        }
        assert local.web_is_healthy(port)
        told = running.settings.read_text()
    assert running.settings.stat().st_mode & 0o777 == 0o600
    assert "DATABASE_URL=postgresql://mailfleet_control:" in told
    assert f"PREFECT_API_URL={running.server.api}\n" in told
    assert "OWNER" not in told


def test_whoever_says_no_is_heard_and_an_operator_stops_while_prefect_is_down(root: Path) -> None:
    add_node(root, "node-3")
    with supervised(root) as stack:
        port = ports.free_port()
        running = machine.start(stack, Steps(), web_host="127.0.0.1", web_port=port)
        engine = open_engine(running.ledger.url("control"))
        keys = open_keys(load(running.ledger.control()))
        with transaction(engine) as conn:
            tenant = add_tenant(conn, keys, NewTenant(slug="acme", name="Acme"), actor="test")
        stack.stop("prefect")
        assert not prefect_server.is_healthy(running.server)

        token = write_token(keys.tokens.keys, Token(tenant, 42, bytes(16)))
        post = urllib.request.Request(
            f"http://127.0.0.1:{port}/u/{token}", b"List-Unsubscribe=One-Click", method="POST"
        )
        with urllib.request.urlopen(post, timeout=10) as answer:
            assert answer.status == 200
        argv = [sys.executable, "-m", "mailfleet", "stop", "node", "node-3", "--reason", "its disk is full"]
        told = {**os.environ, **running.ledger.control(), "MAILFLEET_ACTOR": "test"}
        subprocess.run(argv, env=told, cwd=places.CLONE, check=True, timeout=60)

        with transaction(engine) as conn:
            said = conn.execute(
                text("SELECT reason FROM mailfleet.suppressions WHERE tenant_id = :tenant"),
                {"tenant": tenant},
            )
            assert said.scalars().all() == ["unsubscribe"]
            held = conn.execute(text("SELECT scope, reason FROM mailfleet.stops WHERE ended_at IS NULL"))
            assert [tuple(row) for row in held] == [("node", "its disk is full")]
        engine.dispose()
