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
    """The node's own record, in one small file."""

    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def behind(self, ledger: Epoch, begun: int) -> bool:
        """Whether this ledger does not know all that this node has begun: it says up to `begun`."""
        epoch, chunk = self._read()
        return ledger.epoch < epoch or (ledger.epoch == epoch and begun < chunk)

    def remember(self, epoch: int, chunk: int) -> None:
        """The chunk is known, before its first byte leaves; a lower one changes nothing."""
        with self._lock:
            if (epoch, chunk) > self._read():
                self._write({"epoch": epoch, "chunk": chunk})

    def _read(self) -> tuple[int, int]:
        path = self.folder / FILE
        if not path.exists():
            return 0, 0
        known = json.loads(path.read_text())
        return known["epoch"], known["chunk"]

    def _write(self, known: dict[str, int]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / f"{FILE}.new"
        new.write_text(json.dumps(known))
        os.replace(new, self.folder / FILE)
