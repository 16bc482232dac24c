"""A cluster of our own: it starts anywhere, survives anything, and lets nobody in without a password."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mailfleet.stack import binaries, places, postgres, processes, programs
from mailfleet.stack.errors import StackError
from mailfleet.stack.postgres import Cluster, open_cluster, stop

MISSING = pytest.param(None, id="system", marks=pytest.mark.skip(reason="needs Debian's package postgresql"))
PROGRAMS = [
    pytest.param(None, id="wheel"),
    *(
        [pytest.param(str(folder), id=f"system {folder.parent.name}") for folder in binaries.installed()]
        or [MISSING]
    ),
]


@pytest.fixture
def root() -> Iterator[Path]:
    with places.scratch("postgres") as folder:
        yield folder
        for data in folder.glob("postgres-*/data"):
            postgres.end_leftovers(data)


def ask(cluster: Cluster, question: str) -> object:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as conn:
        found = conn.execute(question)
        row = found.fetchone() if found.description else None
        return row[0] if row else None


@pytest.mark.parametrize("pg_bin", PROGRAMS)
def test_a_cluster_keeps_its_data_password_and_port_over_a_restart(root: Path, pg_bin: str | None) -> None:
    first = open_cluster(root, pg_bin=pg_bin)
    ask(first, "CREATE TABLE kept AS SELECT 'Привет'::text AS word")
    stop(first)
    second = open_cluster(root, pg_bin=pg_bin)
    assert second.url("postgres") == first.url("postgres")
    assert ask(second, "SELECT word FROM kept") == "Привет"
    assert ask(second, "SELECT upper('я')") == "Я"
    stop(second)


def test_a_cluster_is_reached_by_tcp_on_this_machine_alone(root: Path) -> None:
    cluster = open_cluster(root)
    assert ask(cluster, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(cluster, "SHOW unix_socket_directories") == ""
    assert ask(cluster, "SHOW data_checksums") == "on"
    assert ask(cluster, "SHOW fsync") == "on"
    assert ask(cluster, "SHOW max_connections") == "200"


def test_nobody_enters_without_the_password(root: Path) -> None:
    cluster = open_cluster(root, fsync=False)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.url("postgres", password="guess"))
    assert (cluster.home / "password").stat().st_mode & 0o777 == 0o600
    assert ask(cluster, "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'postgres'")
    assert ask(cluster, "SHOW fsync") == "off"


def test_two_clusters_run_at_once(root: Path) -> None:
    clusters = [open_cluster(root / name, fsync=False) for name in ("one", "other")]
    assert len({ask(cluster, "SHOW port") for cluster in clusters}) == 2
    for cluster in clusters:
        stop(cluster)


def test_a_taken_port_is_given_up_at_the_next_start(root: Path) -> None:
    first = open_cluster(root, fsync=False)
    stop(first)
    with socket.create_server(("127.0.0.1", first.port)):
        second = open_cluster(root, fsync=False)
    assert second.port != first.port
    assert ask(second, "SELECT 1") == 1


@pytest.mark.parametrize("victims", ["postmaster", "everyone"])
def test_what_was_committed_survives_the_kill(root: Path, victims: str) -> None:
    cluster = open_cluster(root)
    ask(cluster, "CREATE TABLE kept AS SELECT 7 AS number")
    assert cluster.process
    everyone = processes.living_in(cluster.data)
    for pid in everyone if victims == "everyone" else [cluster.process.pid]:
        processes.send(pid, signal.SIGKILL)
    again = open_cluster(root)  # the dead one's pid file says "ready"
    assert ask(again, "SELECT number FROM kept") == 7
    cluster.process.wait()


def test_a_postmaster_that_outlived_its_supervisor_is_ended_first(root: Path) -> None:
    cluster = postgres.prepare(root, fsync=False)
    orphan = subprocess.Popen(
        postgres.program(cluster).argv,
        env=postgres.environment(),
        cwd=cluster.home,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **programs.as_account(cluster.account),
    )
    while not postgres.is_ready(cluster, orphan.pid):
        assert orphan.poll() is None
    again = open_cluster(root, fsync=False)
    assert orphan.wait() == 0
    assert ask(again, "SELECT 1") == 1


def test_an_initdb_that_was_interrupted_is_begun_again(root: Path) -> None:
    for major in (15, 18):
        (root / f"postgres-{major}.new" / "data" / "base").mkdir(parents=True)
    cluster = open_cluster(root, fsync=False)
    assert ask(cluster, "SELECT 1") == 1


def test_an_end_of_its_starter_ends_the_cluster(root: Path) -> None:
    code = (
        "import os, sys, pathlib; from mailfleet.stack.postgres import open_cluster;"
        "print(open_cluster(pathlib.Path(sys.argv[1])).process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(root)], cwd=places.CLONE, capture_output=True, text=True
    )
    assert processes.wait_for_end([int(said.stdout)], 10)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root is dropped to another user")
def test_root_hears_when_the_dropped_user_cannot_enter(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    with pytest.raises(StackError, match=r"cannot enter .* choose another folder"):
        open_cluster(hidden / "below")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root is dropped to another user")
def test_programs_the_dropped_user_cannot_reach_are_copied(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = binaries.in_wheel()[0].parents[1]
    hidden = places.open_folder(root / "hidden", 0o700)
    binaries.copy_wheel(package, hidden / "site-packages")
    monkeypatch.syspath_prepend(str(hidden / "site-packages"))
    cluster = open_cluster(root, fsync=False)
    assert cluster.programs.folder.is_relative_to(root)
    assert not cluster.programs.folder.is_relative_to(hidden)
    assert ask(cluster, "SELECT 1") == 1
