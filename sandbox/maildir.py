"""Mail that comes back: one Maildir per domain."""

import os
import time
from itertools import count
from pathlib import Path

from sandbox.tables import domain_name


class Maildirs:
    """Delivers as a local delivery agent does: written in `tmp`, then renamed into `new`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._numbers = count(1)

    def deliver(self, mail_from: str, rcpt_to: str, message: bytes) -> Path:
        """Put one message into the Maildir of the recipient's domain; true at once for a reader of `new`."""
        folder = self._folder(domain_name(rcpt_to))
        seconds, fraction = divmod(time.time_ns(), 10**9)
        name = f"{seconds}.M{fraction // 1000}P{os.getpid()}Q{next(self._numbers)}.sandbox"
        traced = f"Return-Path: <{mail_from}>\nDelivered-To: {rcpt_to}\n".encode()
        (folder / "tmp" / name).write_bytes(traced + message.replace(b"\r\n", b"\n"))
        return (folder / "tmp" / name).rename(folder / "new" / name)

    def _folder(self, domain: str) -> Path:
        folder = self.directory / domain.replace("/", "_")
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        return folder
