"""What a command holds of its supervisor: start and stop programs, and be sure that all end."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

from mailfleet.stack import kernel, lock, places, processes, programs
from mailfleet.stack.errors import StackError, StackLostError
from mailfleet.stack.parent import fall_with_make
from mailfleet.stack.programs import Program

END_SECONDS = 9.5
ANSWER_SECONDS = 10.0
POLL_SECONDS = 0.1
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stack:
    """A running supervisor, seen from the command that started it."""

    def __init__(self, root: Path, held: IO[str]) -> None:
        self.root = root
        self.mark = f"{places.mark_of(root)}.{secrets.token_hex(4)}"
        self.programs: dict[str, Program] = {}
        self.pids: dict[str, int] = {}
        self.exits: dict[str, int] = {}
        self.failures: dict[str, str] = {}
        self.kept = False
        self.lost = False
        self.leaving = False
        self.news = threading.Condition()
        self.speaking = threading.Lock()
        self.before = processes.descendants([os.getpid()])
        self.control, theirs = socket.socketpair()
        with theirs:
            self.supervisor = spawned(root, theirs.fileno(), held.fileno(), self.mark)
        threading.Thread(target=self.listen, name="supervisor's reports", daemon=True).start()

    def start(self, program: Program) -> int:
        """Start a program and return its process id; it is running, not yet ready."""
        with self.news:
            for table in (self.pids, self.exits, self.failures):
                table.pop(program.name, None)
            self.programs[program.name] = program
        self.order(do="start", program=program.as_json())
        self.await_news(lambda: program.name in self.pids or program.name in self.failures)
        if program.name in self.failures:
            raise StackError(f"{program.name} does not start: {self.failures[program.name]}")
        return self.pids[program.name]

    def wait_ready(self, name: str, ready: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until `ready` says so; when the program ends instead, its last words are the error."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.lost or self.leaving:
                raise self.loss()
            self.check(name)
            if time.monotonic() > deadline:
                raise StackError(f"{name} is not ready after {seconds:.0f} s; see {self.programs[name].log}")
            with self.news:
                self.news.wait(POLL_SECONDS)

    def check(self, *names: str) -> None:
        """Raise when one of these programs has ended, or any at all when none is named."""
        for name, code in list(self.exits.items()):
            if not names or name in names:
                log = self.programs[name].log
                raise StackLostError(f"{name} ended with code {code}: {programs.last_words(log)} (see {log})")

    def stop(self, name: str, seconds: float = 5.0) -> None:
        """Stop a program, and kill it and everything below it when it takes longer than that."""
        self.order(do="stop", name=name)
        if not self.await_news(lambda: name in self.exits, seconds):
            self.order(do="kill", name=name)
            self.await_news(lambda: name in self.exits)
        self.exits.pop(name, None)

    def keep(self) -> None:
        """Let the programs outlive this command; `down` ends them."""
        self.order(do="keep", does=lock.command_line())
        self.await_news(lambda: self.kept)

    def order(self, **told: Any) -> None:
        try:
            with self.speaking:  # lines of two threads must not mix
                self.control.sendall(json.dumps(told).encode() + b"\n")
        except OSError as problem:
            raise self.loss() from problem

    def await_news(self, arrived: Callable[[], bool], seconds: float = ANSWER_SECONDS) -> bool:
        with self.news:
            happened = self.news.wait_for(lambda: arrived() or self.lost or self.leaving, seconds)
        if self.lost or self.leaving:
            raise self.loss()
        return happened

    def listen(self) -> None:
        """Take reports until the supervisor is gone; then end what it can no longer end."""
        for line in self.control.makefile("r"):
            self.take(json.loads(line))
        if not (self.leaving or self.kept):
            with self.news:
                self.lost = True
                self.news.notify_all()
            self.sweep()
            os.kill(os.getpid(), signal.SIGTERM)

    def take(self, report: dict[str, Any]) -> None:
        with self.news:
            match report["event"]:
                case "started":
                    self.pids[report["name"]] = report["pid"]
                case "exited":
                    self.exits[report["name"]] = report["code"]
                case "failed":
                    self.failures[report["name"]] = report["error"]
                case "kept":
                    self.kept = True
            self.news.notify_all()

    def interrupted(self, number: int, _frame: FrameType | None) -> None:
        """The end begins at once: a thread that waits for a server must not hold it up."""
        self.begin_end()
        raise self.loss() if self.lost else SystemExit(128 + number)

    def begin_end(self) -> None:
        self.leaving = True
        with contextlib.suppress(OSError):  # the supervisor is gone
            self.control.shutdown(socket.SHUT_WR)
        with self.news:
            self.news.notify_all()

    def loss(self) -> StackLostError:
        return StackLostError(
            f"the supervisor of the local servers ended; see {self.root / 'supervisor.log'}"
        )

    def leave(self) -> None:
        """End everything, or go without it when it is kept; nobody interrupts that."""
        self.begin_end()
        if not self.kept and not self.ended_well():
            self.sweep()
        self.control.close()

    def ended_well(self) -> bool:
        """Whether the supervisor left in time and by itself: then nothing is left below it."""
        return processes.wait_for_end([self.supervisor.pid], END_SECONDS) and self.supervisor.wait() == 0

    def sweep(self) -> None:
        """Kill all that bears our mark or fell to us when the supervisor died."""
        processes.kill_all(self.strays, END_SECONDS)

    def strays(self) -> set[int]:
        ours = processes.descendants([os.getpid()]) - self.before - processes.descendants(self.before)
        return ours | processes.marked(self.mark)


def spawned(root: Path, control: int, held: int, mark: str) -> subprocess.Popen[bytes]:
    """The supervisor in a session of its own: no terminal's Ctrl-C reaches it."""
    with (root / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "mailfleet.stack.supervisor", str(control), str(held), mark],
            env=dict(os.environ) | {processes.MARK: mark},
            cwd=places.CLONE,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(control, held),
        )


@contextmanager
def supervised(root: Path | None = None) -> Iterator[Stack]:
    """Hold a stack: at the end of the block, or of this process by whatever cause, its programs end too.

    Ctrl-C, SIGTERM and SIGHUP leave the block as SystemExit with 128 + the signal's number.
    """
    fall_with_make()
    folder = places.open_folder(root or places.root_of())
    with lock.locked(folder, lock.command_line()) as held, kernel.adopting_orphans():
        processes.kill_all(lambda: processes.marked(places.mark_of(folder)), END_SECONDS)
        stack = Stack(folder, held)
        with handled(stack.interrupted):
            try:
                yield stack
            finally:
                with handled(signal.SIG_IGN):
                    stack.leave()


@contextmanager
def handled(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    """Give the interruptions this handler for a while; also where a shell's `&` had them ignored."""
    wanted = [number for number in INTERRUPTIONS if not is_nohup(number)]
    before = {number: signal.signal(number, handler) for number in wanted}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def is_nohup(number: signal.Signals) -> bool:
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN


def down(root: Path | None = None) -> bool:
    """End a kept stack; False when there is none."""
    path = (root or places.root_of()) / "lock"
    if not path.exists():
        return False
    with path.open("r+") as file:
        if lock.free(file):
            return False
        holder = lock.signed(file)
        if holder is None or not holder.kept:
            raise StackError(lock.refusal(holder, path.parent))
        processes.send(holder.pid, signal.SIGTERM)
        if not processes.wait_for_end([holder.pid], lock.ENDING_SECONDS):
            processes.kill_all(lambda: processes.marked(places.mark_of(path.parent)), END_SECONDS)
    return True
