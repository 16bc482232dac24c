"""All of one machine on the wall clock: the ledger, Prefect with its deployments, a worker for each queue, the web."""

import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from db import fleet
from db.engine import open_engine, transaction
from mailfleet.settings import Settings
from mailfleet.stack import errand, ledger, local, places, prefect_server
from mailfleet.stack.ledger import Ledger
from mailfleet.stack.prefect_server import Server
from mailfleet.stack.programs import Program, Rank
from mailfleet.stack.steps import Steps
from mailfleet.stack.supervised import Stack

DATABASE = "mailfleet"
CONTROL, SENDERS = "control", "senders"
CONTROL_LIMIT = 4
NODE_LIMIT = 2  # one wave, and the next one that finds it running and leaves


@dataclass(frozen=True)
class Machine:
    """What runs, and the file with the settings of a shell that wants to use it."""

    ledger: Ledger
    server: Server
    settings: Path


def start(stack: Stack, steps: Steps, *, web_host: str, web_port: int) -> Machine:
    """Everything answers. Runs that wait for their time stay; those that a former stack left have crashed."""
    with steps.step("PostgreSQL") as step:
        cluster = local.start_postgres(stack)
        step.note = f"127.0.0.1:{cluster.port}"
    with steps.step("Ledger") as step:
        ours = ledger.create(Ledger(cluster, stack.root, DATABASE))
        nodes = known_nodes(ours)
        ledger.create_nodes(ours, nodes)
        step.note = f"database {DATABASE}, {len(nodes)} nodes"
    with steps.step("Prefect server") as step:
        server = local.start_prefect(stack, cluster)
        prefect_server.settle_orphans(server, scheduled=False)
        step.note = server.ui
    with steps.step("Pools, queues, deployments"):
        errand.run(stack, deployer(server, ours))
    with steps.step("Workers") as step:
        step.note = start_workers(stack, server, ours, nodes)
    with steps.step("Web service") as step:
        stack.start(local.web(stack, web_host, web_port, ours.web()))
        stack.wait_ready("web", lambda: local.web_is_healthy(web_port, web_host))
        step.note = f"{web_host}:{web_port}"
    return Machine(ours, server, write_settings(stack.root, operators(server, ours)))


def known_nodes(ours: Ledger) -> list[str]:
    """The nodes that the ledger names."""
    engine = open_engine(ours.url("control"))
    with transaction(engine) as conn:
        names = sorted(fleet.nodes(conn))
    engine.dispose()
    return names


def deployer(server: Server, ours: Ledger) -> Program:
    """The one command that makes a server look like the files."""
    return Program(
        name="deploy",
        argv=(sys.executable, "-m", "deployments"),
        env=operators(server, ours),
        log=server.root / "deploy.log",
        cwd=places.CLONE,
        rank=Rank.WORKER,
    )


def operators(server: Server, ours: Ledger) -> dict[str, str]:
    """What the command is told when it works on this machine."""
    return dict(server.environment()) | dict(ours.control())


def start_workers(stack: Stack, server: Server, ours: Ledger, nodes: Iterable[str]) -> str:
    """One worker for the control side and one for each node, each with its own logins only."""
    control = prefect_server.worker(
        server, CONTROL, pool=CONTROL, queue="default", limit=CONTROL_LIMIT, env=ours.control()
    )
    senders = [
        prefect_server.worker(server, node, pool=SENDERS, queue=node, limit=NODE_LIMIT, env=ours.node(node))
        for node in nodes
    ]
    local.start_workers(stack, server, {CONTROL: [control], SENDERS: senders})
    return ", ".join([CONTROL, *nodes])


def write_settings(root: Path, told: Mapping[str, str]) -> Path:
    """A file for `.` in a shell, readable by its owner only."""
    path = root / "settings.sh"
    path.touch(mode=0o600)
    ours = {
        name: value
        for name, value in told.items()
        if name.lower() in Settings.model_fields or name.startswith("PREFECT_")
    }
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in ours.items()))
    return path
