"""Everything works for a user who owns nothing but the clone and a new HOME."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailfleet.stack import binaries, places, processes
from mailfleet.stack.places import Account
from mailfleet.stack.programs import as_account

NOBODY = Account(65534, 65534)
SYSTEM_PYTHON = "/usr/bin/python3"


def can_run(python: str) -> bool:
    new_enough = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(new_enough, cwd="/", check=False, **as_account(NOBODY)).returncode == 0
    except OSError:
        return False


def own_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY.uid, NOBODY.gid, follow_symlinks=False)


@pytest.fixture
def clone() -> Iterator[Path]:
    """A copy of what the servers need, wheel included, that belongs to nobody."""
    with places.scratch("normal-user") as folder:
        for part in ("mailfleet", "tests/stack", "tests/__init__.py"):
            source, target = places.CLONE / part, places.open_folder((folder / part).parent) / Path(part).name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, target)
        binaries.copy_wheel(binaries.in_wheel()[0].parents[1], folder / "site-packages")
        places.open_folder(folder / "home")
        own_all(folder)
        yield folder


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: otherwise every test runs as a normal user")
def test_a_normal_user_starts_postgresql_and_leaves_nothing(clone: Path) -> None:
    python = next((path for path in (sys.executable, SYSTEM_PYTHON) if can_run(path)), None)
    if python is None:
        pytest.skip("needs a Python 3.11 or newer that user nobody can run")
    root = clone / ".mailfleet"
    command = subprocess.Popen(
        [python, "-m", "tests.stack.command", str(root), "postgres"],
        env={
            "HOME": str(clone / "home"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(clone / "site-packages"),
        },
        cwd=clone,
        stdout=subprocess.PIPE,
        start_new_session=True,
        **as_account(NOBODY),
    )
    assert command.stdout
    said = json.loads(command.stdout.readline())
    assert {owner_of(pid) for pid in said["everyone"]} == {NOBODY.uid}
    command.send_signal(signal.SIGKILL)
    command.wait()
    assert processes.wait_for_end(said["everyone"], 10)
    assert list((clone / "home").iterdir()) == []
    assert (next(root.glob("postgres-*")) / "data").stat().st_uid == NOBODY.uid


def owner_of(pid: int) -> int:
    return (processes.PROC / str(pid)).stat().st_uid
