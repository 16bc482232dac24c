"""Everything together: started, told to whom it may concern, and ended."""

import json
import os
import re
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox import control, nameserver, smtp_port, tables
from sandbox.control import Control
from sandbox.maildir import Maildirs
from sandbox.node import kit, submission
from sandbox.node.hop import Hop, Outside
from sandbox.options import Options
from sandbox.reactions.desk import Desk
from sandbox.receipts import Receipts
from sandbox.receivers import Receivers


@dataclass(frozen=True)
class NodePlace:
    """Where a node is found."""

    ports: list[int]
    log: str
    bin: str


@dataclass(frozen=True)
class Places:
    """Where everything is found; this is what the ready file holds."""

    dns_port: int
    receivers_port: int
    control_port: int
    nodes: dict[str, NodePlace]
    maildirs: str
    receipts: str

    def write(self, path: Path) -> None:
        """The ready file appears whole or not at all."""
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)


@asynccontextmanager
async def internet(options: Options) -> AsyncIterator[Places]:
    """A running sandbox; everything it started ends with the context."""
    world = tables.read(options.receivers, options.behaviours, every_domain=options.every_domain)
    async with AsyncExitStack() as stack:
        receipts = Receipts(options.receipts or options.directory / "receipts")
        stack.callback(receipts.close)
        maildirs = Maildirs(options.directory / "maildirs")
        desk = Desk(maildirs, options.web_port, options.seed)
        stack.push_async_callback(desk.close)
        receivers = Receivers(world, receipts, desk.owe)
        hops = {name: hop(options, name, Outside(receivers, maildirs)) for name, _ in options.nodes}
        for each in hops.values():
            stack.push_async_callback(each.close)
            each.resume(booked(receipts.directory))
        dns_port, datagrams, names = await nameserver.listen(world)
        stack.callback(datagrams.close)
        receivers_port, door = await smtp_port.listen(receivers)
        control_port, commands = await control.listen(Control(receivers, desk, hops))
        nodes = {}
        for server in (names, door, commands):
            stack.callback(server.close)
        for name, egresses in options.nodes:
            nodes[name] = await open_node(stack, hops[name], egresses, control_port)
        yield Places(
            dns_port,
            receivers_port,
            control_port,
            nodes,
            str(maildirs.directory.resolve()),
            str(receipts.directory.resolve()),
        )


def hop(options: Options, name: str, outside: Outside) -> Hop:
    """A node with its own folder."""
    directory = options.directory / "nodes" / name
    directory.mkdir(parents=True, exist_ok=True)
    return Hop(name, directory, outside, options.seed)


async def open_node(stack: AsyncExitStack, hop: Hop, egresses: int, control_port: int) -> NodePlace:
    """Open the ports of a node and install its tools."""
    ports = []
    for egress in range(1, egresses + 1):
        port, server = await submission.listen(hop, egress)
        stack.callback(server.close)
        ports.append(port)
    folder = hop.directory.resolve()
    kit.install(folder / "bin", hop.name, control_port)
    return NodePlace(ports, str(folder / "mail.log"), str(folder / "bin"))


def booked(receipts: Path) -> frozenset[str]:
    """Queue ids of all messages that receivers have already booked."""
    found: set[str] = set()
    for path in receipts.glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            head = b64decode(json.loads(line)["data_b64"])[:400]
            found.update(qid.decode() for qid in re.findall(rb"\(Postfix\) with ESMTP id (\w+)", head))
    return frozenset(found)
