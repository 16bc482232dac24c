"""A command ends with the make that runs it, whatever happened to make."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailfleet.stack import places, processes

from . import makes

RECIPE = """
demo:
\t@MAILFLEET_MAKE=$$PPID exec {python} command.py
"""
COMMAND = """
import os, threading
from mailfleet.stack.parent import fall_with_make
fall_with_make()
print(os.getpid(), os.environ.get("MAILFLEET_MAKE"), flush=True)
threading.Event().wait()
"""
LATE = """
import os, time
print(os.getpid(), flush=True)
while os.getppid() == int(os.environ["MAILFLEET_MAKE"]):
    time.sleep(0.05)
"""


def begin(folder: Path, command: str = COMMAND) -> "subprocess.Popen[str]":
    (folder / "Makefile").write_text(RECIPE.format(python=sys.executable))
    (folder / "command.py").write_text(command)
    return subprocess.Popen(
        ["make", "demo"],
        cwd=folder,
        env=makes.environment(PYTHONPATH=str(places.CLONE)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_make_alone_ends_the_command(tmp_path: Path, number: signal.Signals) -> None:
    make = begin(tmp_path)
    assert make.stdout
    pid, named = make.stdout.readline().split()
    assert named == "None", "those the command starts have another parent"
    make.send_signal(number)
    assert processes.wait_for_end([int(pid)], 5)
    assert make.wait(5) != 0


def test_a_command_whose_make_is_dead_before_it_looks_ends_at_once(tmp_path: Path) -> None:
    make = begin(tmp_path, LATE + COMMAND)
    assert make.stdout
    pid = int(make.stdout.readline())
    make.kill()
    assert processes.wait_for_end([pid], 5)
    assert make.stdout.read() == ""


def test_a_command_without_make_runs_on_when_its_parent_ends(tmp_path: Path) -> None:
    (tmp_path / "command.py").write_text(COMMAND)
    shell = f"{sys.executable} command.py & read line"
    parent = subprocess.Popen(
        ["sh", "-c", shell], cwd=tmp_path, env={"PYTHONPATH": str(places.CLONE)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert parent.stdout
    pid = int(parent.stdout.readline().split()[0])
    parent.kill()
    parent.wait()
    assert not processes.wait_for_end([pid], 0.3)
    os.kill(pid, signal.SIGKILL)
