"""The processes of this machine, read from /proc: who descends from whom, who bears a mark."""

import contextlib
import os
import select
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "MAILFLEET_STACK"
PROC = Path("/proc")


@dataclass(frozen=True)
class Seen:
    """One process at the moment it was looked at; pid and start together never come twice."""

    pid: int
    parent: int
    started: int
    dead: bool


def parsed(stat: str) -> Seen:
    """Read a line of /proc/PID/stat; a program may put blanks and brackets into its own name."""
    pid, rest = int(stat.split(" ", 1)[0]), stat.rpartition(")")[2].split()
    return Seen(pid, parent=int(rest[1]), started=int(rest[19]), dead=rest[0] in "ZX")


def look(pid: int) -> Seen | None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return parsed((PROC / str(pid) / "stat").read_text(errors="replace"))
    return None


def alive(pid: int, started: int | None = None) -> bool:
    """Whether that very process still runs: a zombie does not, nor does a later one under the same number."""
    seen = look(pid)
    return seen is not None and not seen.dead and started in (None, seen.started)


def everyone() -> Iterator[Seen]:
    for entry in os.listdir(PROC):
        if entry.isdigit() and (seen := look(int(entry))):
            yield seen


def descendants(of: Iterable[int]) -> set[int]:
    """Every living process below the given ones, found by parents alone, so new sessions do not hide it."""
    children: dict[int, list[Seen]] = defaultdict(list)
    for seen in everyone():
        children[seen.parent].append(seen)
    found: set[int] = set()
    waiting = list(of)
    while waiting:
        below = children.pop(waiting.pop(), [])
        waiting += [seen.pid for seen in below]
        found |= {seen.pid for seen in below if not seen.dead}
    return found


def marked(mark: str) -> set[int]:
    """Living processes whose environment bears a mark that begins so."""
    wanted = f"\0{MARK}={mark}".encode()
    return {seen.pid for seen in everyone() if not seen.dead and wanted in b"\0" + environment(seen.pid)}


def environment(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "environ").read_bytes()
    return b""


def living_in(folder: Path) -> set[int]:
    """Living processes whose working folder lies there: PostgreSQL's backends overwrite their environment."""
    return {seen.pid for seen in everyone() if not seen.dead and lives_in(seen.pid, folder)}


def lives_in(pid: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return Path(os.readlink(PROC / str(pid) / "cwd")).is_relative_to(folder)
    return False


def send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_for_end(pids: Iterable[int], seconds: float) -> bool:
    """Wait until all these have ended; False when some had not in time. They need not be our children."""
    deadline = time.monotonic() + seconds
    return all(ended(pid, deadline) for pid in pids)


def ended(pid: int, deadline: float) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        return bool(waiting.poll(max(0, deadline - time.monotonic()) * 1000))
    finally:
        os.close(handle)


def kill_all(find: Callable[[], set[int]], seconds: float) -> set[int]:
    """Kill what `find` finds until it finds nothing more, and return what was left at the end of the time.

    Nothing is reaped: whoever started a process wants to hear how it ended.
    """
    deadline = time.monotonic() + seconds
    while (victims := find() - {os.getpid()}) and time.monotonic() < deadline:
        for pid in victims:
            send(pid, signal.SIGKILL)
        wait_for_end(victims, min(1.0, max(0.0, deadline - time.monotonic())))
    return victims
