"""Make, run from a test that make may have started itself."""

import os

INHERITED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS", "PYTHON")


def environment(**more: str) -> dict[str, str]:
    """Ours without what the outer make hands to an inner one."""
    return {name: value for name, value in os.environ.items() if name not in INHERITED} | more
