"""The receivers' own books: one line for each letter they accepted."""

import json
import os
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

from sandbox.letter import Letter


class Receipts:
    """Appends to `<receiver>.jsonl`; a line is in the file before anybody is told of the letter."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._files: dict[str, int] = {}

    def add(self, letter: Letter) -> None:
        """Book one letter in one write, so that a crash leaves whole lines."""
        line = json.dumps(
            {
                "receiver": letter.receiver,
                "mail_from": letter.mail_from,
                "rcpt_to": letter.rcpt_to,
                "at": datetime.now(UTC).isoformat(),
                "data_b64": b64encode(letter.data).decode("ascii"),
            },
            ensure_ascii=False,
        )
        os.write(self._file(letter.receiver), line.encode() + b"\n")

    def _file(self, receiver: str) -> int:
        if receiver not in self._files:
            path = self.directory / f"{receiver}.jsonl"
            self._files[receiver] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        return self._files[receiver]

    def close(self) -> None:
        while self._files:
            os.close(self._files.popitem()[1])
