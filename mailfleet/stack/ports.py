"""Free TCP ports of 127.0.0.1."""

import random
import socket
from pathlib import Path

FIRST = 10240
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def ephemeral_start() -> int:
    """Where the kernel's own ports begin: it may give any of them to an outgoing connection at any moment."""
    return int(RANGE.read_text().split()[0]) if RANGE.exists() else 32768


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(wished: int | None = None) -> int:
    """The wished port when nobody has it, else a free one below the kernel's own range, else any."""
    if wished and is_free(wished):
        return wished
    below = range(FIRST, ephemeral_start())
    tries = random.sample(below, min(200, len(below)))
    return next((port for port in tries if is_free(port)), 0) or any_port()


def any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
