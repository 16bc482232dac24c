"""The sandbox as a program: the outside world of a demo, and what our processes are told of it."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailfleet.stack import places, prefect_server
from mailfleet.stack.programs import Program, Rank

QUIET_SECONDS = 30.0


@dataclass(frozen=True)
class Outside:
    """A sandbox that listens; its addresses as it wrote them."""

    told: Mapping[str, Any]

    def control(self) -> Mapping[str, str]:
        """What the control side is told: resolver and mail that comes back."""
        return {
            "DNS_SERVERS": f"127.0.0.1:{self.told['dns_port']}",
            "MAILDIR_ROOT": str(self.told["maildirs"]),
        }

    def node(self, name: str) -> Mapping[str, str]:
        """What a node is told: where its Postfix logs, and where its programs are."""
        node = self.told["nodes"][name]
        return {"POSTFIX_LOG": str(node["log"]), "POSTFIX_BIN_DIR": str(node["bin"])}

    def ports(self, listeners: Mapping[str, tuple[str, int | None]]) -> dict[str, int]:
        """The port of each egress, from (node, its listener's number or None for a provider's host)."""
        nodes, provider = self.told["nodes"], int(self.told["receivers_port"])
        return {
            egress: provider if number is None else int(nodes[node]["ports"][number - 1])
            for egress, (node, number) in listeners.items()
        }

    def wait_quiet(self) -> None:
        """Returns when no reaction is owed to us and no node holds a message. Raises OSError after 30 s."""
        self.ask("quiet")

    def ask(self, command: str) -> str:
        """One command to the sandbox's control port."""
        with socket.create_connection(("127.0.0.1", int(self.told["control_port"])), QUIET_SECONDS) as line:
            line.sendall(f"{command}\n\n".encode())
            return line.makefile().read()


def program(
    folder: Path,
    receipts: Path,
    nodes: Mapping[str, int],
    examples: Path,
    *,
    every_domain: bool,
    web_port: int,
) -> Program:
    """The sandbox's process; `ready(folder)` says when it listens."""
    argv = [
        sys.executable,
        "-m",
        "sandbox",
        "--dir",
        str(places.open_folder(folder)),
        "--ready",
        str(folder / "ready.json"),
        "--receivers",
        str(examples / "receivers.csv"),
        "--behaviours",
        str(examples / "behaviours.csv"),
        "--receipts",
        str(receipts),
        "--nodes",
        ",".join(f"{name}:{count}" for name, count in nodes.items()),
        "--web-port",
        str(web_port),
    ]
    return Program(
        name="sandbox",
        argv=(*argv, *(["--every-domain"] if every_domain else [])),
        env=prefect_server.clean_environment(),
        log=folder / "sandbox.log",
        cwd=places.CLONE,
        rank=Rank.SANDBOX,
    )


def ready(folder: Path) -> bool:
    """Whether the sandbox has written down where it listens."""
    return (folder / "ready.json").exists()


def read(folder: Path) -> Outside:
    """Where a sandbox listens, or listened."""
    return Outside(json.loads((folder / "ready.json").read_text()))
