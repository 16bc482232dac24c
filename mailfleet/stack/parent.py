"""Ends this command with the `make` that runs it, however that ends."""

import os
import signal
import threading
import time
from pathlib import Path

from mailfleet.stack import kernel, processes

MAKES = {"make", "gmake"}
POLL_SECONDS = 0.5


def fall_with_make() -> None:
    """When make is our parent: fall with it when it is killed, and when it alone was told to stop."""
    parent = os.getppid()
    if name_of(parent) not in MAKES:
        return
    kernel.die_with_parent(signal.SIGTERM, parent)
    if catches_interrupts(parent):
        threading.Thread(target=watch, args=(parent,), name="make", daemon=True).start()


def watch(parent: int) -> None:
    """GNU make that gets SIGINT gives up its handler and waits for us without a word (seen with 4.3)."""
    while processes.alive(parent):
        if not catches_interrupts(parent):
            os.kill(os.getpid(), signal.SIGINT)
            return
        time.sleep(POLL_SECONDS)  # nothing tells of another process's handlers


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def catches_interrupts(pid: int) -> bool:
    """Whether the process has a handler for SIGINT."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGINT - 1) & 1)
