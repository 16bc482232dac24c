"""A run that was interrupted anywhere in its start is opened once, said in one line, and never in the way of the next."""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db.databases import ensure_database, superuser
from db.engine import open_engine, transaction
from mailfleet.acts import seeds
from mailfleet.acts.fleet_file import read_fleet
from mailfleet.acts.keys import open_keys
from mailfleet.settings import load
from mailfleet.stack import demo_runs, ledger, places
from mailfleet.stack.demo import EXAMPLES, STARTS_AT
from mailfleet.stack.demo_recovery import recover
from mailfleet.stack.demo_runs import Run
from mailfleet.stack.ledger import Ledger
from mailfleet.stack.postgres import Cluster, open_cluster, stop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with places.scratch("recovery") as root:
        opened = open_cluster(root, fsync=False)
        yield opened
        stop(opened)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "receipts").mkdir()
    made = Run(str(tmp_path), f"mailfleet_{secrets.token_hex(4)}", str(tmp_path / "receipts"), floors=True)
    demo_runs.write(made)
    return made


def _own(cluster: Cluster, run: Run) -> Ledger:
    return Ledger(cluster, run.path.parent, run.database)


def nothing(_cluster: Cluster, _run: Run) -> None:
    """Killed before anything of it was made."""


def a_database(cluster: Cluster, run: Run) -> None:
    """Killed before its revisions."""
    with superuser(cluster.url("postgres")) as conn:
        ensure_database(conn, run.database, "postgres")


def no_keys(cluster: Cluster, run: Run) -> None:
    """Killed between the ledger and its key files."""
    own = ledger.create(_own(cluster, run), demo_starts_at=STARTS_AT)
    for name in own.keys().values():
        Path(name).unlink()


def a_sandbox(cluster: Cluster, run: Run) -> None:
    """Killed when the sandbox listened and the ledger had no nodes yet."""
    ledger.create(_own(cluster, run), demo_starts_at=STARTS_AT)
    _sandbox(run)


def seeded(cluster: Cluster, run: Run) -> None:
    """Killed after its seeds: a node's log was never written."""
    own = ledger.create(_own(cluster, run), demo_starts_at=STARTS_AT)
    fleet = read_fleet(EXAMPLES / "fleet.yaml")
    ledger.create_nodes(own, [node.name for node in fleet.nodes])
    new = fleet.on({egress.name: 2525 for egress in fleet.egresses})
    engine = open_engine(own.url("control"))
    seeds.seed_fleet(engine, open_keys(load(own.control())), own.roles, new)
    with transaction(engine):
        _sandbox(run)
    engine.dispose()


def _sandbox(run: Run) -> None:
    """What a sandbox leaves that was killed as soon as it listened."""
    nodes = {}
    for name in ("node-1", "node-2"):
        folder = run.sandbox / "nodes" / name
        (folder / "bin").mkdir(parents=True)
        (folder / "mail.log").touch()
        (folder / "bin" / "postqueue").write_text("#!/bin/sh\necho 'mail system is down' >&2\nexit 69\n")
        (folder / "bin" / "postqueue").chmod(0o755)
        nodes[name] = {"ports": [1, 2], "log": str(folder / "mail.log"), "bin": str(folder / "bin")}
    (run.sandbox / "maildirs").mkdir()
    told = {
        "dns_port": 1,
        "receivers_port": 1,
        "control_port": 1,
        "nodes": nodes,
        "maildirs": str(run.sandbox / "maildirs"),
    }
    (run.sandbox / "ready.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (nothing, "it had no ledger yet"),
        (a_database, "its ledger"),
        (no_keys, "it cannot be opened any more"),
        (a_sandbox, "balances"),
        (seeded, "balances"),
    ],
)
def test_wherever_the_start_ended_the_next_run_goes_on(
    cluster: Cluster, run: Run, left: Callable[[Cluster, Run], None], says: str
) -> None:
    left(cluster, run)
    line = recover(cluster, run.path.parent, run)
    assert says in line
    assert "\n" not in line
    kept = Run(**json.loads((run.path / "run.json").read_text()))
    assert kept == replace(run, state="recovered", recovered=line)
