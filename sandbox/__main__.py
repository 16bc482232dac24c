"""Runs the sandbox until it is told to end, or whoever started it is gone."""

import asyncio
import os
import signal
import sys

from sandbox.internet import internet
from sandbox.options import Options, read


async def run(options: Options) -> None:
    """Serve until the end."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    if options.parent_fd is not None:
        loop.add_reader(options.parent_fd, watch, loop, options.parent_fd, over)
    async with internet(options) as places:
        if options.ready:
            places.write(options.ready)
        await over.wait()


def watch(loop: asyncio.AbstractEventLoop, parent_fd: int, over: asyncio.Event) -> None:
    """The other end of the pipe was closed: nobody needs us any more."""
    if not os.read(parent_fd, 1024):
        loop.remove_reader(parent_fd)
        over.set()


def main() -> int:
    """The command."""
    options = read(sys.argv[1:])
    try:
        asyncio.run(run(options))
    except (OSError, ValueError, KeyError) as wrong:
        print(f"sandbox: {wrong}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
