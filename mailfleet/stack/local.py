"""The servers of one machine, each started, waited for, and given back as where it listens."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from db.databases import ensure_database, ensure_role, superuser
from mailfleet.stack import places, ports, postgres, prefect_server
from mailfleet.stack.errors import StackLostError
from mailfleet.stack.postgres import Cluster
from mailfleet.stack.prefect_server import Server
from mailfleet.stack.programs import Program, Rank
from mailfleet.stack.secret_files import secret
from mailfleet.stack.supervised import Stack

TRIES = 3
PREFECT = "prefect"  # its role, and its database
SERVER_SECONDS = 120.0  # the first start migrates
WORKER_SECONDS = 60.0

Started = TypeVar("Started", Cluster, Server)


def start_postgres(stack: Stack) -> Cluster:
    """The clone's cluster accepts connections."""
    cluster = postgres.prepare(stack.root)

    def start(attempt: Cluster) -> None:
        pid = stack.start(postgres.program(attempt))
        stack.wait_ready("postgresql", lambda: postgres.is_ready(attempt, pid))

    return on_a_free_port(cluster, start)


def start_prefect(stack: Stack, cluster: Cluster, *, poll_seconds: int = 2) -> Server:
    """Prefect's server answers; its database is its own and is kept from run to run."""
    password = secret(stack.root, "prefect-database")
    with superuser(cluster.url(postgres.SUPERUSER)) as conn:
        ensure_role(conn, PREFECT, password)
        ensure_database(conn, PREFECT, PREFECT)
    server = prefect_server.prepare(stack.root, cluster.url(PREFECT, PREFECT, password))

    def start(attempt: Server) -> None:
        stack.start(prefect_server.program(attempt))
        stack.wait_ready("prefect", lambda: prefect_server.is_healthy(attempt), SERVER_SECONDS)

    return on_a_free_port(replace(server, poll_seconds=poll_seconds), start)


def on_a_free_port(wished: Started, start: Callable[[Started], None]) -> Started:
    """Start it, on another port when somebody took this one in the meantime."""
    for _ in range(TRIES):
        try:
            start(wished)
            return wished
        except StackLostError:
            if ports.is_free(wished.port):
                raise  # the port was not the reason
            wished = replace(wished, port=ports.free_port())
    raise StackLostError(f"no port of 127.0.0.1 stays free for {type(wished).__name__.lower()}; try again")


def start_workers(stack: Stack, server: Server, pools: Mapping[str, Sequence[Program]]) -> None:
    """Every worker of these pools has called its server; they start at the same time."""
    began = datetime.now(UTC)
    for worker in [worker for workers in pools.values() for worker in workers]:
        stack.start(worker)
    for pool, workers in pools.items():
        for worker in workers:
            stack.wait_ready(worker.name, partial(has_called, server, pool, worker, began), WORKER_SECONDS)


def has_called(server: Server, pool: str, worker: Program, began: datetime) -> bool:
    return worker.name in {f"worker {name}" for name in prefect_server.workers_since(server, pool, began)}


def web(stack: Stack, host: str, port: int, env: Mapping[str, str]) -> Program:
    """The web service, told nothing but what `env` says."""
    told = prefect_server.clean_environment() | dict(env) | {"WEB_HOST": host, "WEB_PORT": str(port)}
    argv = (sys.executable, "-m", "mailfleet.web")
    return Program("web", argv, told, stack.root / "web.log", places.CLONE, Rank.WEB)


def web_is_healthy(port: int, host: str = "127.0.0.1") -> bool:
    return prefect_server.answers(f"http://{host}:{port}/health")
