"""Random secrets of a clone's servers, one private file each, made once."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from mailfleet.stack import places


def secret(root: Path, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
    """The secret of this name; a file that is there is whole, since it was renamed into place."""
    path = places.open_folder(root / "secrets", 0o700) / name
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(make())
        unfinished.rename(path)
    return path.read_text()
