"""Ends this command with the `make` that runs it, however that ends."""

import os
import signal
import threading
import time
from pathlib import Path

from mailfleet.stack import kernel, processes

NAMED = "MAILFLEET_MAKE"  # the Makefile's recipes say which process make is: it may be dead before we look
POLL_SECONDS = 0.5


def fall_with_make() -> None:
    """When make is our parent: fall with it when it is killed, and when it alone was told to stop."""
    make = int(os.environ.pop(NAMED, "0"))  # taken out: those we start have another parent
    if not make:
        return
    kernel.die_with_parent(signal.SIGTERM, make)
    if catches_interrupts(make):
        threading.Thread(target=watch, args=(make,), name="make", daemon=True).start()


def watch(make: int) -> None:
    """GNU make that gets SIGINT gives up its handler and waits for us without a word (seen with 4.3)."""
    while processes.alive(make):
        if not catches_interrupts(make):
            os.kill(os.getpid(), signal.SIGINT)
            return
        time.sleep(POLL_SECONDS)  # nothing tells of another process's handlers


def catches_interrupts(pid: int) -> bool:
    """Whether the process has a handler for SIGINT."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGINT - 1) & 1)
