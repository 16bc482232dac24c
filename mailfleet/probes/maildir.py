"""Maildirs, one folder a domain: what is new, and what has been taken in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST = 1_000_000  # bytes; a report is a few thousand


@dataclass(frozen=True)
class New:
    """A mail in some domain's `new`."""

    domain: str
    path: Path


def new(root: Path) -> Iterator[New]:
    """Every mail that nobody has taken in, oldest name first; a folder without `new` is no Maildir."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        inside = folder / "new"
        if inside.is_dir():
            yield from (New(folder.name, path) for path in sorted(inside.iterdir()) if path.is_file())


def read(mail: New) -> bytes | None:
    """The whole mail; None where it is larger than any report is, or gone: another took it in meanwhile."""
    try:
        with mail.path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    return raw if len(raw) <= LARGEST else None


def taken(mail: New) -> None:
    """The mail is in `cur`, as seen; one that another moved already is left there."""
    current = mail.path.parent.parent / "cur"
    current.mkdir(exist_ok=True)
    try:
        mail.path.rename(current / f"{mail.path.name.partition(':')[0]}:2,S")
    except FileNotFoundError:
        return
