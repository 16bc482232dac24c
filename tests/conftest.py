"""Real parts for the tests: one PostgreSQL cluster a run, a migrated template, a fresh database a test that asks."""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from db.engine import open_engine, plain_engine
from db.migrate import GROUPS, Roles, create_node_role, create_roles, migrate
from mailfleet.stack.places import scratch
from mailfleet.stack.postgres import open_cluster, stop

NODES = ("node-1", "node-2")
PASSWORD = "test-only"


@dataclass(frozen=True)
class Ledger:
    """A migrated database and the URLs of its roles."""

    admin: str
    name: str
    roles: Roles

    def url(self, group: str) -> str:
        """The URL of `control`, `tenant`, `web`, `owner`, or of a node by its name."""
        role = self.roles.node(group) if group in NODES else self.roles.name(group)
        return f"postgresql://{role}:{PASSWORD}@{self.admin.rsplit('@', 1)[1].rsplit('/', 1)[0]}/{self.name}"

    def engine(self, group: str = "control") -> Engine:
        return open_engine(self.url(group))


@pytest.fixture(scope="session")
def cluster_url(worker_id: str) -> Iterator[str]:
    """A superuser's URL of a PostgreSQL that may be used up: MAILFLEET_TEST_CLUSTER, else our own, without fsync."""
    if given := os.environ.get("MAILFLEET_TEST_CLUSTER"):
        yield given
        return
    with own_cluster(worker_id) as url:
        yield url


@contextmanager
def own_cluster(name: str, pg_bin: str | None = None) -> Iterator[str]:
    """A cluster of the tests' own, gone afterwards; of the programs in `pg_bin` where it is given."""
    with scratch(f"tests-{name}") as root:
        cluster = open_cluster(Path(root), fsync=False, pg_bin=pg_bin)
        try:
            yield cluster.url("postgres")
        finally:
            stop(cluster)


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    return getattr(request.config, "workerinput", {"workerid": "main"})["workerid"]


def _admin(url: str) -> Connection:
    return plain_engine(url).connect().execution_options(isolation_level="AUTOCOMMIT")


@pytest.fixture(scope="session")
def template(cluster_url: str) -> Iterator[Ledger]:
    """A migrated database that others are copied from."""
    with migrated(cluster_url) as ledger:
        yield ledger


@contextmanager
def migrated(cluster_url: str) -> Iterator[Ledger]:
    """A migrated database with roles of its own, gone afterwards."""
    roles = Roles(f"t{secrets.token_hex(3)}")
    ledger = Ledger(cluster_url, f"template_{roles.prefix}", roles)
    with _admin(cluster_url) as admin:
        with plain_engine(cluster_url).begin() as conn:
            create_roles(conn, roles, dict.fromkeys(GROUPS, PASSWORD))
            for node in NODES:
                create_node_role(conn, roles, node, PASSWORD)
        admin.exec_driver_sql(f'CREATE DATABASE {ledger.name} OWNER "{roles.name("owner")}"')
        owner = plain_engine(ledger.url("owner"))
        migrate(owner, roles)
        owner.dispose()
        yield ledger
        _drop(admin, ledger.name)
        for role in [roles.node(node) for node in NODES] + [roles.name(group) for group in GROUPS]:
            admin.exec_driver_sql(f'DROP ROLE IF EXISTS "{role}"')


@pytest.fixture
def ledger(template: Ledger) -> Iterator[Ledger]:
    """A fresh ledger of this test alone, on the wall clock."""
    with fresh(template) as ledger:
        yield ledger


@contextmanager
def fresh(template: Ledger) -> Iterator[Ledger]:
    """A copy of the template, gone afterwards."""
    copy = Ledger(template.admin, f"test_{secrets.token_hex(6)}", template.roles)
    with _admin(template.admin) as admin:
        owner = template.roles.name("owner")
        admin.exec_driver_sql(
            f'CREATE DATABASE {copy.name} OWNER "{owner}" TEMPLATE {template.name} STRATEGY wal_log'
        )
        yield copy
        _drop(admin, copy.name)


@pytest.fixture
def demo_ledger(ledger: Ledger) -> Ledger:
    """A fresh ledger whose business clock may be moved."""
    with plain_engine(ledger.url("owner")).begin() as conn:
        conn.execute(text("ALTER TABLE mailfleet.clock DISABLE TRIGGER guard_clock"))
        conn.execute(
            text(
                "UPDATE mailfleet.clock SET demo = true, business_at = clock_timestamp(), wall_at = clock_timestamp()"
            )
        )
        conn.execute(text("ALTER TABLE mailfleet.clock ENABLE TRIGGER guard_clock"))
    return ledger


def _drop(admin: Connection, name: str) -> None:
    admin.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def clones_servers() -> Iterator[None]:
    """The clone's own servers, for whoever starts them: one at a time, also across the workers of a run."""
    from mailfleet.stack import places

    with (Path(tempfile.gettempdir()) / f"mailfleet-tests-{places.mark_of()}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
