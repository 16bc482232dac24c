"""One user of a clone's servers at a time, known by name."""

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from mailfleet.stack import places, processes
from mailfleet.stack.errors import StackHeldError

ENDING_SECONDS = 15.0  # a killed command's supervisor needs up to ten seconds to end everything
PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Holder:
    """Who has the lock: a command, or the supervisor it left running."""

    pid: int
    started: int
    does: str
    kept: bool = False


def me(does: str, *, kept: bool = False) -> Holder:
    seen = processes.look(os.getpid())
    return Holder(os.getpid(), seen.started if seen else 0, does, kept)


@contextmanager
def locked(root: Path, does: str) -> Iterator[IO[str]]:
    """Hold the folder's lock; a second user hears in one line who has it.

    The lock lives as long as somebody has this file open, so a supervisor that inherits it holds it on.
    """
    with open(places.open_folder(root) / "lock", "a+", opener=private) as file:
        take(file, root)
        sign(file, me(does))
        yield file


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def take(file: IO[str], root: Path) -> None:
    deadline = time.monotonic() + ENDING_SECONDS
    while not free(file):
        holder = signed(file)
        if holder is None or not is_ending(holder) or time.monotonic() > deadline:
            raise StackHeldError(refusal(holder, root))
        time.sleep(PAUSE_SECONDS)  # nobody tells when a lock of another process is given back


def free(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_ending(holder: Holder) -> bool:
    """The command is dead and was not told to keep its servers: what holds the lock is ending them."""
    return not holder.kept and not processes.alive(holder.pid, holder.started)


def refusal(holder: Holder | None, root: Path) -> str:
    if holder is None:
        return f"the servers in {root} are being started by somebody else; try again in a moment"
    who = f"process {holder.pid} ({holder.does})"
    if holder.kept:
        return f"this clone's servers are kept running by {who}; stop them with `{places.command('down')}`"
    return f"this clone's servers are in use by {who}; wait for it, or end it with `kill {holder.pid}`"


def sign(file: IO[str], holder: Holder) -> None:
    """Write down who holds the lock."""
    file.seek(0)
    file.truncate()
    file.write(json.dumps(asdict(holder)))
    file.flush()


def signed(file: IO[str]) -> Holder | None:
    file.seek(0)
    text = file.read()
    return Holder(**json.loads(text)) if text.endswith("}") else None


def command_line() -> str:
    """What this process was asked to do, for others to read."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
