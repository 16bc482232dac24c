"""Whatever ends a command ends its servers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailfleet.stack import lock, places, processes
from mailfleet.stack.errors import StackError, StackHeldError, StackLostError
from mailfleet.stack.programs import Program, Rank
from mailfleet.stack.supervised import down, supervised

from .command import POLITE

PROMISED_SECONDS = 10.0
WRITE_AT_THE_END = """
import signal, sys, time
def end(*_):
    print(time.monotonic_ns(), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
"""


@dataclass(frozen=True)
class Command:
    """A command that runs, and everybody below its supervisor."""

    process: subprocess.Popen[str]
    supervisor: int
    everyone: frozenset[int]

    def is_gone(self, within: float = PROMISED_SECONDS) -> bool:
        return processes.wait_for_end({self.supervisor, *self.everyone}, within)


@pytest.fixture
def root() -> Iterator[Path]:
    with places.scratch("supervisor") as folder:
        yield folder
        processes.kill_all(lambda: processes.living_in(folder), PROMISED_SECONDS)


def begin(root: Path, *words: str) -> Command:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stack.command", str(root), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=places.CLONE,
        start_new_session=True,
    )
    assert process.stdout
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    said = json.loads(line)
    return Command(process, said["supervisor"], frozenset(said["everyone"]))


def quick(root: Path, name: str, code: str, rank: Rank = Rank.WORKER) -> Program:
    return Program(name, (sys.executable, "-c", code), {}, root / f"{name}.log", root, rank)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_the_command_ends_all_its_servers(root: Path, number: signal.Signals) -> None:
    command = begin(root, "postgres")
    command.process.send_signal(number)
    assert command.is_gone()
    code = command.process.wait(PROMISED_SECONDS)
    assert code == (-number if number == signal.SIGKILL else 128 + number)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_supervisor_ends_all_its_servers_and_the_command(root: Path, number: int) -> None:
    command = begin(root, "postgres")
    os.kill(command.supervisor, number)
    assert command.is_gone()
    _, said = command.process.communicate(timeout=PROMISED_SECONDS)
    assert "the supervisor of the local servers ended" in said


@pytest.mark.slow
def test_the_next_start_ends_what_outlived_both_command_and_supervisor(root: Path) -> None:
    command = begin(root)
    os.kill(command.supervisor, signal.SIGSTOP)
    command.process.kill()
    command.process.wait()
    os.kill(command.supervisor, signal.SIGKILL)
    with supervised(root):
        assert not processes.marked(places.mark_of(root)) & command.everyone
    for pid in command.everyone:  # the one without our mark is nobody's any more: end it by its number
        processes.send(pid, signal.SIGKILL)
    assert command.is_gone()


def test_servers_end_in_the_order_of_their_ranks(root: Path) -> None:
    ranks = (Rank.POSTGRES, Rank.WORKER, Rank.PREFECT, Rank.WEB)
    with supervised(root) as stack:
        for rank in ranks:
            program = quick(root, rank.name, WRITE_AT_THE_END, rank)
            stack.start(program)
            stack.wait_ready(program.name, lambda log=program.log: "ready" in log.read_text())
    ends = {rank: int((root / f"{rank.name}.log").read_text().split()[1]) for rank in ranks}
    assert sorted(ends, key=lambda rank: ends[rank]) == sorted(ranks)


def test_a_server_that_ends_while_it_starts_shows_its_last_words(root: Path) -> None:
    with supervised(root) as stack:
        stack.start(quick(root, "web", "raise SystemExit('port 80 is not for us')"))
        with pytest.raises(StackLostError, match="web ended with code 1: port 80 is not for us"):
            stack.wait_ready("web", lambda: False)


def test_a_program_that_does_not_exist_is_refused_in_one_line(root: Path) -> None:
    with supervised(root) as stack, pytest.raises(StackError, match=r"web does not start: .*No such file"):
        stack.start(Program("web", ("/no/such/program",), {}, root / "web.log", root))


def test_a_server_that_never_gets_ready_is_not_waited_for_without_end(root: Path) -> None:
    with supervised(root) as stack:
        stack.start(quick(root, "web", "import time; time.sleep(600)"))
        with pytest.raises(StackError, match=r"web is not ready after 0 s; see .*web.log"):
            stack.wait_ready("web", lambda: False, seconds=0.3)


def test_a_server_can_be_stopped_and_started_again(root: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + POLITE
    program = quick(root, "web", deaf)
    log = program.log
    with supervised(root) as stack:
        for _ in range(2):
            log.unlink(missing_ok=True)
            pid = stack.start(program)
            stack.wait_ready("web", lambda: "ready" in log.read_text())
            stack.stop("web", seconds=0.2)
            assert not processes.alive(pid)
        stack.check()


def test_servers_listen_to_ctrl_c_even_where_the_shell_ignored_it(root: Path) -> None:
    code = "import signal; print(signal.getsignal(signal.SIGINT) == signal.default_int_handler, flush=True)"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with supervised(root) as stack:
            stack.start(quick(root, "web", code))
            stack.wait_ready("web", lambda: "\n" in (root / "web.log").read_text())
    finally:
        signal.signal(signal.SIGINT, before)
    assert (root / "web.log").read_text() == "True\n"


def test_a_thread_that_waits_for_a_server_does_not_hold_up_the_end(root: Path) -> None:
    began = time.monotonic()
    waiting: list[Future[None]] = []

    def wait_in_a_thread() -> None:
        with supervised(root) as stack, ThreadPoolExecutor(1) as background:
            stack.start(quick(root, "web", POLITE))
            waiting.append(background.submit(stack.wait_ready, "web", lambda: False))
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit):
        wait_in_a_thread()
    assert isinstance(waiting[0].exception(), StackLostError)
    assert time.monotonic() - began < PROMISED_SECONDS


@pytest.mark.slow
def test_a_second_user_of_a_clone_hears_who_has_it(root: Path) -> None:
    command = begin(root)
    with (
        pytest.raises(
            StackHeldError, match=rf"in use by process {command.process.pid} .command.py "
        ) as refused,
        supervised(root),
    ):
        raise AssertionError("two users at once")
    assert "\n" not in str(refused.value)
    with places.scratch("other") as other, supervised(other):
        assert command.process.poll() is None
    command.process.terminate()
    assert command.is_gone()


@pytest.mark.slow
def test_the_next_user_waits_while_a_killed_commands_servers_end(root: Path) -> None:
    command = begin(root)
    command.process.kill()
    command.process.wait()
    with supervised(root):
        assert not processes.alive(command.supervisor)


@pytest.mark.slow
def test_kept_servers_outlive_the_command_until_down(root: Path) -> None:
    command = begin(root, "keep", "postgres")
    assert command.process.wait(PROMISED_SECONDS) == 0
    assert all(processes.alive(pid) for pid in command.everyone)
    with (
        pytest.raises(StackHeldError, match=r"kept running by .* stop them with `.*mailfleet down`"),
        supervised(root),
    ):
        raise AssertionError("two users at once")
    began = time.monotonic()
    assert down(root)
    assert time.monotonic() - began < PROMISED_SECONDS
    assert command.is_gone(0.0)
    assert not down(root)


def test_down_does_not_end_somebody_elses_command(root: Path) -> None:
    with lock.locked(root, "a demo"), pytest.raises(StackError, match=r"in use by process .* .a demo."):
        down(root)
