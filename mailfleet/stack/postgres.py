"""A PostgreSQL cluster of our own on 127.0.0.1, over programs that nobody had to install."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from mailfleet.stack import binaries, places, ports, processes, programs
from mailfleet.stack.binaries import Binaries
from mailfleet.stack.errors import StackError
from mailfleet.stack.places import Account
from mailfleet.stack.programs import Program, Rank

SUPERUSER = "postgres"
START_SECONDS = 60.0
STOP_SECONDS = 8.0
POLL_SECONDS = 0.02
TRIES = 3
READY_LINE = 7  # of postmaster.pid, which the postmaster itself keeps

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # a DETAIL line would show addresses of people
    "log_min_error_statement": "panic",
}
FRAGILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Cluster:
    """A cluster in its folder; whoever opens it has that folder to himself."""

    home: Path
    port: int
    password: str = field(repr=False)
    programs: Binaries
    account: Account | None = None
    fsync: bool = True
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """The address of a database here; only the superuser's password is known."""
        secret = self.password if password is None and user == SUPERUSER else password
        who = quote(user, safe="") + (f":{quote(secret, safe='')}" if secret else "")
        return f"postgresql://{who}@127.0.0.1:{self.port}/{quote(database, safe='')}"


def open_cluster(root: Path, *, fsync: bool = True, pg_bin: str | None = None) -> Cluster:
    """Make the cluster if need be, start it below this process, and return it accepting connections."""
    cluster = prepare(root, fsync=fsync, pg_bin=pg_bin)
    for _ in range(TRIES):
        started = replace(cluster, process=programs.spawn(program(cluster)))
        if accepts(started):
            return started
        cluster = replace(cluster, port=ports.free_port())  # it may have been taken since
    raise StackError(f"PostgreSQL does not start: {programs.last_words(cluster.log)} (see {cluster.log})")


def stop(cluster: Cluster) -> None:
    """End the cluster and its clients' sessions; what does not end in time is killed."""
    end_leftovers(cluster.data)
    if cluster.process:
        cluster.process.wait()


def prepare(root: Path, *, fsync: bool = True, pg_bin: str | None = None) -> Cluster:
    """Everything up to the start: programs, data, password, a free port, and no leftover of a former run."""
    root = places.open_folder(root.resolve())
    named = pg_bin or os.environ.get("PG_BIN")
    account = places.dropped_account(root)
    found = binaries.find(root, account, named)
    home = root / f"postgres-{found.major}"
    account = places.dropped_account(home / "data")
    check_reachable(root, account)
    end_leftovers(home / "data")
    if not home.exists():
        create(home, found, account, fsync=fsync)
    return Cluster(
        home=home,
        port=chosen_port(home),
        password=(home / "password").read_text(),
        programs=found,
        account=account,
        fsync=fsync,
    )


def check_reachable(root: Path, account: Account | None) -> None:
    """PostgreSQL refuses root, and the user it is dropped to may be kept out of the folder."""
    asked = ["test", "-x", str(root)]
    if account and subprocess.run(asked, cwd="/", **programs.as_account(account)).returncode:
        raise StackError(
            f"user {account.uid}, as whom PostgreSQL runs, cannot enter {root}; choose another folder"
        )


def create(home: Path, found: Binaries, account: Account | None, *, fsync: bool) -> None:
    """Run initdb beside, then rename: a folder that exists is whole."""
    unfinished = home.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    data, secret = places.open_folder(unfinished) / "data", unfinished / "password"
    data.mkdir(mode=0o700)
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(24))
    if account:
        account.own(data)
        account.own(secret)
    initdb(found, data, secret, account, fsync=fsync)
    unfinished.rename(home)


def initdb(found: Binaries, data: Path, secret: Path, account: Account | None, *, fsync: bool) -> None:
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if found.major >= 17 else []
    said = subprocess.run(
        [
            str(found.folder / "initdb"),
            "-D",
            str(data),
            "-U",
            SUPERUSER,
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            *locale,
        ]
        + ["--data-checksums", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-instructions"]
        + ([] if fsync else ["--no-sync"]),
        env=environment(),
        cwd=data.parent,
        capture_output=True,
        text=True,
        **programs.as_account(account),
    )
    if said.returncode:
        raise StackError(f"initdb failed in {data}: {' | '.join(said.stderr.strip().splitlines()[-3:])}")


def environment() -> Mapping[str, str]:
    """Nothing of ours but where programs and libraries are: no PG* setting, no secret."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


def chosen_port(home: Path) -> int:
    """The port of the last time while it is free, so that an address written down stays true."""
    remembered = home / "port"
    port = ports.free_port(int(remembered.read_text()) if remembered.exists() else None)
    remembered.write_text(str(port))
    return port


def program(cluster: Cluster) -> Program:
    """The postmaster; SIGINT is its fast stop and SIGQUIT its immediate one."""
    settings = SETTINGS | {"port": str(cluster.port)} | ({} if cluster.fsync else FRAGILE)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Program(
        name="postgresql",
        argv=(str(cluster.programs.folder / "postgres"), "-D", str(cluster.data), *options),
        env=environment(),
        log=cluster.log,
        cwd=cluster.home,
        rank=Rank.POSTGRES,
        account=cluster.account,
        stop=signal.SIGINT,
        death=signal.SIGQUIT,
    )


def accepts(cluster: Cluster, seconds: float = START_SECONDS) -> bool:
    """Wait until the cluster accepts connections; False when its postmaster ended instead."""
    process = cluster.process
    for _ in range(int(seconds / POLL_SECONDS)):
        if process is None or is_ready(cluster, process.pid):
            return process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)
            return False
    return False


def is_ready(cluster: Cluster, pid: int) -> bool:
    """Whether this very postmaster says so; a connection alone would be answered during recovery too."""
    lines = lock_lines(cluster.data)
    return len(lines) > READY_LINE and lines[0] == str(pid) and lines[READY_LINE].strip() == "ready"


def lock_lines(data: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (data / "postmaster.pid").read_text().splitlines()
    return []


def end_leftovers(data: Path) -> None:
    """End whatever serves this folder: ask its postmaster for a fast stop, then kill who is left.

    The pid file goes too: whoever has its number by now would be taken for the postmaster.
    """

    def living() -> set[int]:
        return processes.living_in(data)

    there = living()
    for pid in there & {int(line) for line in lock_lines(data)[:1] if line.isdigit()}:
        processes.send(pid, signal.SIGINT)
    if not processes.wait_for_end(there, STOP_SECONDS) and processes.kill_all(living, STOP_SECONDS):
        raise StackError(f"processes in {data} cannot be ended; see `ls -l /proc/*/cwd`")
    (data / "postmaster.pid").unlink(missing_ok=True)
