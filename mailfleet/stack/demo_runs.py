"""The runs of the demo in this clone: each has its own folder and database, and says whether it finished."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mailfleet.stack import places


@dataclass(frozen=True)
class Run:
    """One run. `recovered` is the balance line that a later run found for an unfinished one."""

    folder: str
    database: str
    receipts: str
    floors: bool
    state: str = "running"  # running, finished, recovered
    recovered: str = ""

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @property
    def sandbox(self) -> Path:
        """Where the sandbox of this run keeps its files."""
        return self.path / "sandbox"


def new_run(root: Path, *, receipts: Path | None, floors: bool) -> Run:
    """A fresh run, written down before anything of it exists."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    folder = places.open_folder(root / "runs" / name)
    kept = (receipts or folder / "receipts").resolve()
    places.open_folder(kept)
    run = Run(str(folder), f"mailfleet_{name.replace('-', '_')}", str(kept), floors)
    write(run)
    return run


def write(run: Run) -> None:
    """Replace the run's file at once: a reader never sees half of it."""
    unfinished = run.path / "run.json.new"
    unfinished.write_text(json.dumps(asdict(run), indent=1))
    unfinished.rename(run.path / "run.json")


def last_unfinished(root: Path) -> Run | None:
    """The newest run that was interrupted and not recovered since; older ones were, by the run after them."""
    runs = sorted((root / "runs").glob("*/run.json"), reverse=True)
    newest = Run(**json.loads(runs[0].read_text())) if runs else None
    return newest if newest and newest.state == "running" else None
