"""The process above all servers of a stack: its end is theirs, and the end of the command is its own."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from mailfleet.stack import kernel, lock, processes, programs
from mailfleet.stack.programs import Program, Rank

# Seconds from the beginning of the end until what is left of a rank is killed; all are gone within ten.
GRACE = {Rank.WORKER: 2.0, Rank.WEB: 2.5, Rank.SANDBOX: 3.0, Rank.PREFECT: 4.5, Rank.POSTGRES: 6.5}
LAST_SECONDS = 1.5
STRAY_SECONDS = 0.5
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
PATIENCE_SECONDS = 1.0  # a command that does not read its reports is not waited for


@dataclass(frozen=True)
class Child:
    """A program that runs."""

    program: Program
    process: subprocess.Popen[bytes]

    def tree(self) -> set[int]:
        """The child and everything below it that lives."""
        own = {self.process.pid} if processes.alive(self.process.pid) else set()
        return own | processes.descendants([self.process.pid])


class Supervisor:
    """Starts, stops and reports children for one command, and ends them all when the command is gone."""

    def __init__(self, control: socket.socket, held: IO[str], mark: str) -> None:
        self.control = control
        self.held = held
        self.mark = mark
        self.children: dict[str, Child] = {}
        self.heard = b""
        self.kept = False
        self.ending = False
        self.selector = selectors.DefaultSelector()

    def serve(self) -> None:
        self.selector.register(self.control, selectors.EVENT_READ, self.hear)
        self.selector.register(woken_by_signals(), selectors.EVENT_READ, self.wake)
        while not self.ending:
            for key, _ in self.selector.select():
                key.data(key.fileobj)
        self.end()

    def wake(self, pipe: int) -> None:
        """Signals arrive as bytes, one number each."""
        self.ending = self.ending or bool(set(os.read(pipe, 4096)) & set(ENDING))
        self.collect()

    def collect(self) -> None:
        """Reap everything that ended, orphans too, and report the children among it."""
        for pid, code in reaped():
            for name, child in list(self.children.items()):
                if child.process.pid == pid:
                    child.process.returncode = code
                    del self.children[name]
                    self.report("exited", name, code=code)

    def hear(self, control: socket.socket) -> None:
        """Obey complete lines; the end of the line is the end of the command."""
        told = control.recv(65536)
        if not told:
            self.selector.unregister(control)
            self.ending = not self.kept
        *lines, self.heard = (self.heard + told).split(b"\n")
        for line in lines:
            self.obey(json.loads(line))

    def obey(self, order: Mapping[str, Any]) -> None:
        match order["do"]:
            case "start":
                self.start(programs.from_json(order["program"]))
            case "stop":
                self.stop(order["name"])
            case "kill":
                self.kill(order["name"])
            case "keep":
                self.keep(order["does"])

    def start(self, program: Program) -> None:
        marked = dict(program.env) | {processes.MARK: self.mark}
        try:
            process = programs.spawn(program.with_env(marked))
        except (OSError, subprocess.SubprocessError) as problem:
            self.report("failed", program.name, error=str(problem))
            return
        self.children[program.name] = Child(program, process)
        self.report("started", program.name, pid=process.pid)

    def stop(self, name: str) -> None:
        if child := self.children.get(name):
            processes.send(child.process.pid, child.program.stop)

    def kill(self, name: str) -> None:
        if child := self.children.get(name):
            processes.kill_all(child.tree, LAST_SECONDS)

    def keep(self, does: str) -> None:
        """From now on the command may go: only `down` ends the stack."""
        self.kept = True
        lock.sign(self.held, lock.me(does, kept=True))
        self.report("kept", "")

    def report(self, event: str, name: str, **more: Any) -> None:
        with contextlib.suppress(OSError):  # the command is gone, or does not read: nobody to tell
            self.control.sendall(json.dumps({"event": event, "name": name, **more}).encode() + b"\n")

    def end(self) -> None:
        """Stop rank after rank, those that ask before those that answer; then kill what is left."""
        began = time.monotonic()
        for rank in Rank:
            self.end_rank(rank, began + GRACE[rank])
        processes.kill_all(below_us, LAST_SECONDS)
        self.collect()

    def end_rank(self, rank: Rank, deadline: float) -> None:
        leaving = [child for child in self.children.values() if child.program.rank == rank]
        for child in leaving:
            processes.send(child.process.pid, child.program.stop)
        processes.wait_for_end([child.process.pid for child in leaving], deadline - time.monotonic())
        staying = [child for child in self.children.values() if child.program.rank > rank]
        left = max(deadline - time.monotonic(), STRAY_SECONDS)
        processes.kill_all(lambda: below_us() - trees(staying), left)
        self.collect()


def below_us() -> set[int]:
    return processes.descendants([os.getpid()])


def trees(children: Iterable[Child]) -> set[int]:
    return set().union(*(child.tree() for child in children))


def reaped() -> list[tuple[int, int]]:
    """Every child that has ended since we last looked, with its exit code; minus the number for a signal."""
    found: list[tuple[int, int]] = []
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found.append((ended[0], os.waitstatus_to_exitcode(ended[1])))
    return found


def woken_by_signals() -> int:
    """A pipe that says which signals came; handlers do nothing, so that children get the defaults back."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing)
    handler: Callable[..., None] = lambda *_: None  # noqa: E731
    for number in (*ENDING, signal.SIGCHLD):
        signal.signal(number, handler)
    return reading


def main() -> None:
    control_fd, lock_fd, mark = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    kernel.adopt_orphans()
    control = socket.socket(fileno=control_fd)
    control.settimeout(PATIENCE_SECONDS)
    with os.fdopen(lock_fd, "r+") as held:
        Supervisor(control, held, mark).serve()


if __name__ == "__main__":
    main()
