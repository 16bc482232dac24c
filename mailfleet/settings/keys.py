"""Key files: numbered secrets, the highest number is in use, the others are still read."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailfleet.settings.model import SettingsRefused


@dataclass(frozen=True)
class Keyring:
    """Secrets of 32 bytes by key id (1–255)."""

    keys: Mapping[int, bytes] = field(repr=False)

    @property
    def current(self) -> tuple[int, bytes]:
        """The id and secret that new things are made with."""
        newest = max(self.keys)
        return newest, self.keys[newest]


def read_keyring(path: Path) -> Keyring:
    """The keyring in a JSON file `{"1": "<base64 of 32 bytes>", …}`. Raises SettingsRefused."""
    try:
        keys = {
            int(number): base64.b64decode(text, validate=True)
            for number, text in json.loads(path.read_text()).items()
        }
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as problem:
        raise SettingsRefused(
            f"key file {path} cannot be read ({problem}): make one with `mailfleet keys new FILE`"
        ) from None
    if not keys or any(not 1 <= number <= 255 or len(secret) != 32 for number, secret in keys.items()):
        raise SettingsRefused(f"key file {path} is wrong: ids are 1 to 255, secrets are 32 bytes in base64")
    return Keyring(keys)


def write_keyring(path: Path, secret: bytes) -> None:
    """A new key file with one key, readable by its owner only; whole, or not there. Raises FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with open(unfinished, "w", opener=_private) as file:
        json.dump({"1": base64.b64encode(secret).decode()}, file)
    try:
        os.link(unfinished, path)
    finally:
        unfinished.unlink()


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
