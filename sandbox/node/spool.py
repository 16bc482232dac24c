"""The queue of a node on disk: what it said 250 to survives the end of the process."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Queued:
    """One message in the queue."""

    qid: str
    arrived: float
    egress: int
    helo: str
    sender: str
    recipients: tuple[str, ...]
    message_id: str
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)


class Spool:
    """One file for each queued message; a file appears and goes in one step."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    def put(self, message: Queued) -> None:
        fields = {**vars(message), "data": b64encode(message.data).decode("ascii")}
        unfinished = self._directory / f".{message.qid}"
        unfinished.write_text(json.dumps(fields), encoding="utf-8")
        unfinished.rename(self._directory / message.qid)

    def remove(self, qid: str) -> None:
        (self._directory / qid).unlink()

    def left(self) -> list[Queued]:
        """What an earlier process left in the queue, oldest first."""
        files = [path for path in self._directory.iterdir() if not path.name.startswith(".")]
        return sorted(map(read, files), key=lambda message: message.arrived)


def read(path: Path) -> Queued:
    """One queue file."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    recipients = tuple(fields.pop("recipients"))
    return Queued(**{**fields, "data": b64decode(fields["data"])}, recipients=recipients)
