"""`mailfleet keys`: the key files of an installation."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from mailfleet.acts.refused import Refused
from mailfleet.cli.terminal import say
from mailfleet.settings.keys import write_keyring

app = typer.Typer(help="Key files: what seals secrets, signs ids and hashes addresses.", no_args_is_help=True)


@app.callback()
def _nouns() -> None:
    """Key files: what seals secrets, signs ids and hashes addresses."""


@app.command()
def new(file: Annotated[Path, typer.Argument(metavar="FILE", help="It must not exist yet.")]) -> None:
    """Writes a new key file with one key, readable by its owner only.

    Three are needed: ENCRYPTION_KEYS, TOKEN_KEYS and HASH_KEYS name them. Keep copies apart from the database:
    without them nothing sealed can be opened, no link in a sent mail works, and no suppression matches.
    """
    try:
        write_keyring(file, secrets.token_bytes(32))
    except OSError as problem:
        if os.path.lexists(file):
            raise Refused(f"{file} exists already: a key file is never overwritten") from None
        raise Refused(
            f"{file} cannot be written: {problem.strerror}: name a file in a folder that is yours"
        ) from None
    say(f"{file} is written: name it in ENCRYPTION_KEYS, TOKEN_KEYS or HASH_KEYS, and keep a copy elsewhere")
