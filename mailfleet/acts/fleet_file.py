"""The demo's fleet file: a fleet whose egresses get their ports from the sandbox, and the rules of its world."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from mailfleet.acts.fleet_words import HostName, Limit, NewEgress, NewNode, Words, accepted
from mailfleet.acts.new_fleet import NewFleet, TenantWords, read_yaml


class DemoEgress(Words):
    """A way out: a listener of the node's Postfix, or without `listener` a provider's submission host."""

    name: str
    node: str
    helo: HostName
    daily_limit: Limit
    listener: int | None = None
    tenant: str | None = None

    def at(self, port: int) -> NewEgress:
        """The egress as the ledger takes it, on this port of loopback."""
        kind: Literal["submission", "postfix"] = "submission" if self.listener is None else "postfix"
        named = self.model_dump(exclude={"listener"})
        return NewEgress(kind=kind, host="127.0.0.1", port=port, **named)


class Fleet(Words):
    """The whole file."""

    data_regions: tuple[str, ...]
    well_known_domains: tuple[str, ...]
    nodes: tuple[NewNode, ...]
    egresses: tuple[DemoEgress, ...]
    tenants: tuple[TenantWords, ...]

    def on(self, ports: Mapping[str, int]) -> NewFleet:
        """The fleet with each egress on its port."""
        egresses = tuple(egress.at(ports[egress.name]) for egress in self.egresses)
        return NewFleet(nodes=self.nodes, egresses=egresses, tenants=self.tenants)

    def listeners(self) -> Mapping[str, tuple[str, int | None]]:
        """Node and listener of each egress."""
        return {egress.name: (egress.node, egress.listener) for egress in self.egresses}

    def hops(self) -> Mapping[str, int]:
        """How many Postfix listeners each node has."""
        return {node.name: self._listening(node.name) for node in self.nodes}

    def _listening(self, node: str) -> int:
        return sum(egress.node == node and egress.listener is not None for egress in self.egresses)


def read_fleet(file: Path) -> Fleet:
    """The fleet in the file. Raises Refused, naming the place."""
    return accepted(Fleet, read_yaml(file), str(file))
