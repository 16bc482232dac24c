"""Names of runs that a person understands: what, for whom, and at which business time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from prefect.runtime import flow_run

from db import clock
from db.engine import transaction
from tasks.opened import ledger_here


def run_name(words: str) -> Callable[[], str]:
    """Names a run `send-wave node-1 · 2027-01-04 11:00` from `send-wave {node}`; of a path the last part."""

    def name() -> str:
        with transaction(ledger_here()) as conn:
            now = clock.now(conn)
        values = {name: PurePath(str(value)).name for name, value in flow_run.parameters.items()}
        return f"{words.format(**values)} · {now:%Y-%m-%d %H:%M}"

    return name
