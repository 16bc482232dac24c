"""A node's Postfix: what is in its queue, how to take something out of it, and what its log says since last time."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

PATIENCE = 60  # seconds
CHUNK = 4_000_000  # bytes of the log at once
_REMOVED = re.compile(r"postsuper: (\w+): removed$", re.MULTILINE)


@dataclass(frozen=True)
class Cursor:
    """How far a log was read: which file, and how many bytes of it."""

    inode: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Read:
    """Whole lines, where to go on, whether that was all there is, and whether something before them is missing."""

    lines: tuple[bytes, ...]
    cursor: Cursor
    all: bool
    gap: bool


def queue(postqueue: Path, config: Path | None) -> list[str] | None:
    """The queue ids in the node's queue; None: Postfix does not answer, which says nothing of the queue."""
    done = _run([str(postqueue), *_config(config), "-j"])
    return (
        None
        if done is None
        else [str(json.loads(line)["queue_id"]) for line in done.stdout.splitlines() if line.strip()]
    )


def delete(postqueue: Path, config: Path | None, queue_ids: Sequence[str]) -> list[str]:
    """Takes these out of the queue undelivered; those that were there. It needs the rights of Postfix's owner."""
    done = _run(
        [str(postqueue.with_name("postsuper")), *_config(config), "-d", "-"], "\n".join(queue_ids) + "\n"
    )
    return [] if done is None else _REMOVED.findall(done.stderr)


def _config(config: Path | None) -> list[str]:
    return ["-c", str(config)] if config else []


def _run(command: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            command, input=given, capture_output=True, timeout=PATIENCE, check=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None


def read_log(log: Path, cursor: Cursor) -> Read:
    """The next whole lines of the log; what was rotated away meanwhile comes first, file by file.

    The last line may be half written: it is left for the next time. A log that does not exist has nothing to say.
    """
    files = _files(log)
    at = next((place for place, file in enumerate(files) if file.stat().st_ino == cursor.inode), None)
    if at is None or cursor.offset > files[at].stat().st_size:
        return _afresh(log, cursor, files)
    if cursor.offset < files[at].stat().st_size:
        return _lines(files[at], cursor, newest=files[at] == log)
    if files[at] == log or files[-1] != log:
        return Read((), cursor, True, False)
    return _lines(files[at + 1], _start(files[at + 1]), newest=files[at + 1] == log)


def _afresh(log: Path, cursor: Cursor, files: Sequence[Path]) -> Read:
    """From the beginning: the first time, or since the file that was read is gone, and with it what it still held."""
    if not log.is_file():
        return Read((), cursor, False, cursor != Cursor())
    found = _lines(log, _start(log), newest=True)
    return replace(found, gap=cursor != Cursor() or len(files) > 1)


def _files(log: Path) -> list[Path]:
    """The log and its older files that can be read as they are, the oldest first."""
    rotated = [
        path
        for path in log.parent.glob(f"{log.name}.*")
        if path.is_file() and path.suffix not in (".gz", ".xz", ".bz2")
    ]
    return sorted(rotated, key=lambda path: path.stat().st_mtime_ns) + ([log] if log.is_file() else [])


def _start(file: Path) -> Cursor:
    return Cursor(file.stat().st_ino)


def _lines(file: Path, cursor: Cursor, *, newest: bool) -> Read:
    with file.open("rb") as opened:
        opened.seek(cursor.offset)
        raw = opened.read(CHUNK)
        more = bool(opened.read(1))
    whole = raw.rfind(b"\n") + 1 if newest or more else len(raw)
    if not whole and more:
        whole = len(raw)  # a line longer than any of Postfix's: nothing of ours is in it
    return Read(
        tuple(raw[:whole].splitlines()),
        Cursor(cursor.inode, cursor.offset + whole),
        newest and not more,
        False,
    )
