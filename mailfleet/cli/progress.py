"""Shows the demo's days as the timetable reports them: each step, the business time, what it took."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

WIDTH = 44


class Days:
    """The display of one timetable."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.began = time.perf_counter()
        self.status: Status | None = None

    def seconds(self) -> float:
        """Since the days began."""
        return time.perf_counter() - self.began

    @contextmanager
    def shown(self) -> Iterator[None]:
        """A spinner with the running step on a terminal; plain lines elsewhere."""
        if not self.console.is_terminal:
            yield
            return
        with self.console.status("The days begin") as self.status:
            yield

    def heard(self, line: str) -> None:
        """One line of the timetable: a step that begins or ended; other lines are for its log."""
        told = _told(line)
        match told.get("event"):
            case "begins" if self.status:
                self.status.update(f"{told['at']}  {told['step']}")
            case "ended":
                self.console.print(
                    f"{told['at']}  {told['step']:<{WIDTH}} {told['seconds']:>6.1f} s",
                    markup=False,
                    soft_wrap=True,
                )


def _told(line: str) -> dict[str, object]:
    if not line.startswith("{"):
        return {}
    told = json.loads(line)
    return told if isinstance(told, dict) else {}
