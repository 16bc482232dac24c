"""A command with servers that are hard to end: `python -m tests.stack.command ROOT [keep] [postgres]`.

It says in one line of JSON who runs, then waits to be ended.
"""

import json
import sys
import threading
from pathlib import Path

from mailfleet.stack import places, postgres, processes
from mailfleet.stack.programs import Program, Rank
from mailfleet.stack.supervised import Stack, supervised

# Ignores every polite signal, hides a grandchild behind a double fork, and one without our mark.
STUBBORN = """
import os, signal, subprocess, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
subprocess.Popen(["env", "-i", "sleep", "600"], start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""
POLITE = "print('ready', flush=True); import time; time.sleep(600)"


def start(stack: Stack, name: str, code: str, rank: Rank) -> None:
    log = stack.root / f"{name}.log"
    log.unlink(missing_ok=True)
    stack.start(Program(name, (sys.executable, "-c", code), {}, log, stack.root, rank))
    stack.wait_ready(name, lambda: "ready" in log.read_text())


def start_postgres(stack: Stack) -> None:
    cluster = postgres.prepare(stack.root)
    pid = stack.start(postgres.program(cluster))
    stack.wait_ready("postgresql", lambda: postgres.is_ready(cluster, pid))


def main() -> None:
    root = Path(sys.argv[1])
    with supervised(root) as stack:
        start(stack, "stubborn", STUBBORN, Rank.WORKER)
        start(stack, "polite", POLITE, Rank.WEB)
        if "postgres" in sys.argv:
            start_postgres(stack)
        if "keep" in sys.argv:
            stack.keep()
        seen = {"supervisor": stack.supervisor.pid, "mark": places.mark_of(root)}
        everyone = processes.descendants([stack.supervisor.pid])
        print(json.dumps(seen | {"everyone": sorted(everyone)}), flush=True)
        if "keep" not in sys.argv:
            threading.Event().wait()


if __name__ == "__main__":
    main()
