"""Puts the two queue tools into a node's `bin` folder."""

import shlex
import sys
from pathlib import Path

TOOLS = Path(__file__).with_name("tools.py")


def install(directory: Path, node: str, port: int) -> None:
    """Write executables that ask the sandbox at this control port."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("postqueue", "postsuper"):
        command = shlex.join([sys.executable, "-I", str(TOOLS.resolve()), name, str(port), node])
        (directory / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        (directory / name).chmod(0o755)
