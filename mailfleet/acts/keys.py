"""The installation's three keyrings, opened once."""

from __future__ import annotations

from dataclasses import dataclass

from mailfleet.settings import Settings
from mailfleet.settings.keys import Keyring, read_keyring


@dataclass(frozen=True)
class Keys:
    """What seals secrets at rest, signs ids and links, and hashes addresses."""

    seal: Keyring
    tokens: Keyring
    hashes: Keyring


def open_keys(settings: Settings) -> Keys:
    """The keyrings that the settings name. Raises SettingsRefused."""
    return Keys(
        *(read_keyring(settings.path(name)) for name in ("encryption_keys", "token_keys", "hash_keys"))
    )
