"""Names each step of a start with the time it took: a live line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

WIDTH = 34


@dataclass
class Step:
    """A step that runs; `note` is what stands beside its time when it has ended."""

    name: str
    note: str = ""
    began: float = field(default_factory=time.perf_counter)

    def line(self) -> str:
        """How it went, e.g. `PostgreSQL   0.4 s  127.0.0.1:15432`."""
        took = f"{time.perf_counter() - self.began:.1f} s"
        return f"{self.name:<{WIDTH}} {took:>7}  {self.note}".rstrip()


class Steps:
    """The steps of one start, in order."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.began = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show the step while the block runs; a step that fails says so, and the error goes on."""
        step = Step(name)
        try:
            with self.spinner(name):
                yield step
        except BaseException:
            self.say(f"{step.line()}  did not finish")
            raise
        self.say(step.line())

    def run(self, name: str, act: Callable[[], str | None]) -> None:
        """One step that is one call; what it returns is the note."""
        with self.step(name) as step:
            step.note = act() or ""

    def say(self, line: str) -> None:
        self.console.print(escape(line), soft_wrap=True)

    def seconds(self) -> float:
        """Since the first step began."""
        return time.perf_counter() - self.began

    def spinner(self, name: str) -> AbstractContextManager[object]:
        return self.console.status(escape(name)) if self.console.is_terminal else nullcontext()
