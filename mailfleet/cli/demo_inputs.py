"""What a demo is given, refused at the door: nothing starts for a file that cannot be read or written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mailfleet.acts.lead_files import FileRefused, frames, open_leads
from mailfleet.acts.refused import Refused


def check_leads(files: Iterable[Path]) -> None:
    """Every file can be read to its end and has rows. Raises FileRefused with file and line."""
    for file in files:
        if not sum(len(frame) for frame in frames(open_leads(file))):
            raise FileRefused(file, "has a header and no rows")


def check_report(file: Path | None) -> None:
    """The report can be written there. Raises Refused."""
    if file and (file.is_dir() or not os.access(file.parent, os.W_OK)):
        raise Refused(
            f"the report cannot be written to {file}: name a file in a folder that is there and yours"
        )


def check_receipts(folder: Path | None) -> None:
    """The folder is there, may be written to, and holds no receipts of another run. Raises Refused."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise Refused(f"receipts cannot be kept in {folder}: {problem.strerror}") from None
    if not os.access(folder, os.W_OK) or next(folder.glob("*.jsonl"), None):
        raise Refused(f"{folder} holds the receipts of another run, or is not yours: name an empty folder")
