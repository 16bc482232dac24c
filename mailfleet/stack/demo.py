"""Starts everything a demo needs, naming each step, and hands back where it all is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from db.engine import Engine, open_engine
from mailfleet.acts import seeds
from mailfleet.acts.fleet_file import Fleet
from mailfleet.acts.keys import Keys, open_keys
from mailfleet.settings import load
from mailfleet.stack import errand, ledger, local, outside, places, ports, prefect_server
from mailfleet.stack.demo_runs import Run
from mailfleet.stack.ledger import Ledger
from mailfleet.stack.outside import Outside
from mailfleet.stack.postgres import Cluster
from mailfleet.stack.prefect_server import Server
from mailfleet.stack.programs import Program, Rank
from mailfleet.stack.steps import Steps
from mailfleet.stack.supervised import Stack

EXAMPLES = places.CLONE / "examples"
STARTS_AT = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)  # a Monday; the campaigns' ends in examples/ count from it
POLL_SECONDS = 1


@dataclass(frozen=True)
class Demo:
    """A started demo."""

    run: Run
    ledger: Ledger
    server: Server
    outside: Outside
    environment: Mapping[str, str]  # of the control side
    web_port: int

    @property
    def engine(self) -> Engine:
        """The ledger, as role control."""
        return open_engine(self.ledger.url("control"))

    @property
    def keys(self) -> Keys:
        """The clone's keyrings."""
        return open_keys(load(self.environment))


def start(stack: Stack, steps: Steps, cluster: Cluster, run: Run, fleet: Fleet) -> Demo:
    """Everything listens, the ledger is seeded, the deployments are there and the workers wait."""
    with ThreadPoolExecutor(1) as background:
        coming = background.submit(local.start_prefect, stack, cluster, poll_seconds=POLL_SECONDS)
        own = Ledger(cluster, stack.root, run.database)
        steps.run("Migrations", lambda: _migrate(own, fleet))
        web_port = ports.free_port()
        steps.run("Sandbox", lambda: _sandbox(stack, run, fleet, web_port))
        there = outside.read(run.sandbox)
        steps.run("Web service", lambda: _web(stack, own, web_port))
        ours = {**own.control(), **there.control(), **_rules(fleet)}
        steps.run("Tenants, mailboxes, campaigns", lambda: _seed(own, ours, fleet, there))
        with steps.step("Prefect server") as step:
            server = coming.result()
            step.note = f"UI on {server.ui}"
    environment = {**server.environment(), **ours}
    steps.run("Runs of before", lambda: _orphans(server))
    steps.run("Pools, queues, deployments", lambda: _deploy(stack, environment))
    steps.run("Workers", lambda: _workers(stack, server, own, there, ours, fleet))
    return Demo(run, own, server, there, environment, web_port)


def run_days(stack: Stack, demo: Demo, leads: Mapping[str, str], heard: Callable[[str], None]) -> None:
    """The three days, by the program in `deployments/` that starts deployments by the API."""
    files = [f"--leads={file}={whose}" for file, whose in leads.items()]
    told = ("--outside", str(demo.run.sandbox), "--opt-outs", str(EXAMPLES / "opt-outs.csv"))
    argv = (sys.executable, "-m", "deployments.timetable", *told, *files)
    errand.run(stack, _control_program("timetable", argv, demo.environment, stack.root), heard)


def _rules(fleet: Fleet) -> Mapping[str, str]:
    """What the installation is told of its invented world."""
    return {
        "DATA_REGIONS": ",".join(fleet.data_regions),
        "WELL_KNOWN_DOMAINS": ",".join(fleet.well_known_domains),
    }


def _migrate(own: Ledger, fleet: Fleet) -> str:
    ledger.create(own, demo_starts_at=STARTS_AT)
    ledger.create_nodes(own, [node.name for node in fleet.nodes])
    return f"database {own.database}"


def _sandbox(stack: Stack, run: Run, fleet: Fleet, web_port: int) -> str:
    program = outside.program(
        run.sandbox,
        Path(run.receipts),
        fleet.hops(),
        EXAMPLES,
        every_domain=not run.floors,
        web_port=web_port,
    )
    stack.start(program)
    stack.wait_ready("sandbox", lambda: outside.ready(run.sandbox))
    return f"DNS on 127.0.0.1:{outside.read(run.sandbox).told['dns_port']}"


def _web(stack: Stack, own: Ledger, port: int) -> str:
    stack.start(local.web(stack, "127.0.0.1", port, own.web()))
    stack.wait_ready("web", lambda: local.web_is_healthy(port))
    return f"127.0.0.1:{port}"


def _seed(own: Ledger, environment: Mapping[str, str], fleet: Fleet, there: Outside) -> str:
    keys, engine = open_keys(load(environment)), open_engine(own.url("control"))
    seeds.seed_fleet(engine, keys, own.roles, fleet.on(there.ports(fleet.listeners())))
    seeds.seed_suppressions(engine, keys, EXAMPLES / "suppressions.csv")
    campaigns = seeds.seed_campaigns(engine, EXAMPLES / "campaigns")
    engine.dispose()
    mailboxes = sum(len(direction.mailboxes) for tenant in fleet.tenants for direction in tenant.directions)
    return f"{len(fleet.tenants)} tenants, {mailboxes} mailboxes, {len(fleet.egresses)} egresses, {campaigns} campaigns"


def _orphans(server: Server) -> str:
    crashed = prefect_server.settle_orphans(server, scheduled=True)
    return f"{crashed} orphaned runs marked crashed" if crashed else "none left behind"


def _deploy(stack: Stack, environment: Mapping[str, str]) -> str:
    said: list[str] = []
    argv = (sys.executable, "-m", "deployments", "--without-schedules")
    errand.run(stack, _control_program("deploy", argv, environment, stack.root), said.append)
    return said[-1] if said else ""


def _workers(
    stack: Stack, server: Server, own: Ledger, there: Outside, ours: Mapping[str, str], fleet: Fleet
) -> str:
    nodes = [node.name for node in fleet.nodes]
    control = prefect_server.worker(server, "control", pool="control", queue="default", limit=6, env=ours)
    senders = [
        prefect_server.worker(
            server, name, pool="senders", queue=name, limit=2, env={**own.node(name), **there.node(name)}
        )
        for name in nodes
    ]
    local.start_workers(stack, server, {"control": [control], "senders": senders})
    return f"control, {', '.join(nodes)}"


def _control_program(name: str, argv: tuple[str, ...], environment: Mapping[str, str], root: Path) -> Program:
    told = prefect_server.clean_environment() | dict(environment)
    return Program(name, argv, told, root / f"{name}.log", places.CLONE, Rank.WORKER)
