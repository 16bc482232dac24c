"""What a node remembers outside the ledger: the highest chunk it began. A ledger behind it was restored."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from db.epoch import Epoch

FILE = "highest-chunk.json"


@dataclass
class NodeMemory:
    """The node's own record, in one small file; None keeps nothing."""

    folder: Path | None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def behind(self, ledger: Epoch) -> bool:
        """Whether this ledger does not know what this node has begun."""
        epoch, chunk = self._read()
        return (ledger.epoch, ledger.chunk if ledger.epoch == epoch else chunk) < (epoch, chunk)

    def remember(self, epoch: int, chunk: int) -> None:
        """The chunk is known, before its first byte leaves; a lower one changes nothing."""
        if self.folder is None:
            return
        with self._lock:
            if (epoch, chunk) > self._read():
                self._write(self.folder, {"epoch": epoch, "chunk": chunk})

    def _read(self) -> tuple[int, int]:
        path = self.folder / FILE if self.folder else None
        if path is None or not path.exists():
            return 0, 0
        known = json.loads(path.read_text())
        return known["epoch"], known["chunk"]

    def _write(self, folder: Path, known: dict[str, int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{FILE}.new"
        new.write_text(json.dumps(known))
        os.replace(new, folder / FILE)
