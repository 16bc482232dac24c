"""The control port: a command a connection, ended by an empty line; its answer ends with the stream."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.node.hop import Hop
from sandbox.reactions.desk import Desk
from sandbox.receivers import Receivers

Command = Callable[[list[str], list[str]], Awaitable[str]]


@dataclass(frozen=True)
class Control:
    """What can be asked of a running sandbox."""

    receivers: Receivers
    desk: Desk
    hops: dict[str, Hop]

    @property
    def commands(self) -> dict[str, Command]:
        """The commands by their word."""
        known = (self.quiet, self.stats, self.hold, self.release, self.web, self.queue, self.delete)
        return {each.__name__: each for each in known}

    async def quiet(self, _: list[str], __: list[str]) -> str:
        """Answers when no reaction is owed and no node holds a message."""
        while self.desk.pending or any(hop.queue for hop in self.hops.values()):
            for calm in (self.desk.quiet, *(hop.idle for hop in self.hops.values())):
                await calm.wait()
        return "quiet\n"

    async def stats(self, _: list[str], __: list[str]) -> str:
        """All counts as one line of JSON."""
        return (
            json.dumps(
                {
                    "receivers": self.receivers.counts,
                    "reactions": self.desk.counts,
                    "pending": self.desk.pending,
                    "queues": {name: len(hop.queue) for name, hop in self.hops.items()},
                }
            )
            + "\n"
        )

    async def hold(self, words: list[str], _: list[str]) -> str:
        """A node keeps what it has until it is released."""
        self.hops[words[0]].released.clear()
        return "held\n"

    async def release(self, words: list[str], _: list[str]) -> str:
        """A held node goes on."""
        self.hops[words[0]].released.set()
        return "released\n"

    async def web(self, words: list[str], _: list[str]) -> str:
        """From now on one-click unsubscribes are posted to this port."""
        self.desk.web_port = int(words[0])
        return "noted\n"

    async def queue(self, words: list[str], _: list[str]) -> str:
        """A node's queue as `postqueue -j` prints it."""
        hop = self.hops[words[0]]
        name = "active" if hop.released.is_set() else "hold"
        return "".join(
            json.dumps(
                {
                    "queue_name": name,
                    "queue_id": each.qid,
                    "arrival_time": int(each.arrived),
                    "message_size": each.size,
                    "forced_expire": False,
                    "sender": each.sender,
                    "recipients": [{"address": rcpt} for rcpt in each.recipients],
                }
            )
            + "\n"
            for each in hop.queue.values()
        )

    async def delete(self, words: list[str], lines: list[str]) -> str:
        """Take messages out of a node's queue; answers with the ids that were there."""
        return "".join(f"{qid}\n" for qid in self.hops[words[0]].delete(lines))


async def serve(control: Control, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    try:
        first, *lines = await request(reader)
        word, *words = first.split() or [""]
        writer.write((await control.commands[word](words, lines)).encode())
        await writer.drain()
    except (KeyError, IndexError, ValueError) as wrong:
        writer.write(f"error: {wrong!r}\n".encode())
    except ConnectionError:
        return
    finally:
        writer.close()


async def request(reader: asyncio.StreamReader) -> list[str]:
    """The lines of a request, up to an empty one or the end."""
    lines = []
    while line := (await reader.readline()).decode().strip():
        lines.append(line)
    return lines or [""]


async def listen(control: Control) -> tuple[int, asyncio.Server]:
    """Serve on a free port."""
    server = await asyncio.start_server(lambda r, w: serve(control, r, w), "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1]), server
