"""What we ask of Linux: to be told of a parent's death, and to inherit the orphans below us."""

import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)


def control(option: int, value: int) -> None:
    """Call prctl, or raise OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) was refused")


def adopt_orphans(yes: bool = True) -> None:
    """Whoever below us loses its parent becomes our child, so that a double fork hides nothing."""
    control(PR_SET_CHILD_SUBREAPER, int(yes))


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """For a while."""
    adopt_orphans()
    try:
        yield
    finally:
        adopt_orphans(False)


def die_with_parent(number: int, parent: int) -> None:
    """Get this signal when the parent ends, at once when it has ended already."""
    control(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def before_exec(death: int) -> Callable[[], None]:
    """What a child does between fork and exec: fall with its parent, and listen to every signal again.

    A worker that was started by a shell's `&` inherits an ignored SIGINT and then never stops on SIGTERM.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None)  # loaded before the fork: nothing is imported in the child

    def prepare() -> None:
        for number in TERMINAL_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        libc.prctl(PR_SET_PDEATHSIG, death, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare
