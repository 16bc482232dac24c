"""A program of a stack that is run to its end, with its words heard as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from mailfleet.stack import programs
from mailfleet.stack.errors import StackError
from mailfleet.stack.programs import Program
from mailfleet.stack.supervised import Stack

HEARD_SECONDS = 0.1


def run(stack: Stack, program: Program, heard: Callable[[str], None] = lambda _line: None) -> None:
    """Returns when the program has ended well; `heard` gets each line of its log. Raises StackError otherwise."""
    program.log.unlink(missing_ok=True)
    stack.start(program)
    with program.log.open("rb") as log:
        while not stack.await_news(lambda: program.name in stack.exits, HEARD_SECONDS):
            _hear(log, heard)
        _hear(log, heard)
    if code := stack.exits.pop(program.name):
        words = programs.last_words(program.log, lines=1)
        raise StackError(f"{program.name} ended with code {code}: {words} (see {program.log})")


def _hear(log: IO[bytes], heard: Callable[[str], None]) -> None:
    """Every whole line since the last time; half a line waits for its end."""
    while (line := log.readline()).endswith(b"\n"):
        heard(line.decode(errors="replace").rstrip("\n"))
    log.seek(-len(line), 1)
