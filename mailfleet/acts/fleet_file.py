"""The demo's fleet file: nodes, egresses, tenants and their mailboxes, checked as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import Field

from mailfleet.acts.fleet_words import Line, NewNode, Slug, Words, accepted
from mailfleet.acts.refused import Refused


class EgressRow(Words):
    """A way out: a listener of the node's Postfix, or without `listener` a provider's submission host."""

    name: str
    node: str
    helo: str
    daily_limit: int
    listener: int | None = None
    tenant: str | None = None


class DomainRow(Words):
    """A sending domain with its bounce subdomain and tracking host."""

    name: str
    bounce: str
    tracking: str


class DirectionRow(Words):
    """A line of outreach with its domain and mailboxes; they leave by `egresses` in turn."""

    slug: Slug
    name: Line
    purpose: Line
    domain: DomainRow
    egresses: tuple[str, ...] = Field(min_length=1)
    daily_limit: int
    hourly_limit: int
    mailboxes: tuple[str, ...] = Field(min_length=1)

    def routes(self, position: int) -> tuple[str, ...]:
        """The egresses of the mailbox at this position, its fallback after its own."""
        own = position % len(self.egresses)
        return tuple(dict.fromkeys((self.egresses[own], self.egresses[(own + 1) % len(self.egresses)])))


class TenantRow(Words):
    """One client."""

    slug: Slug
    name: Line
    legal_name: Line
    postal_address: Line
    contact: Line
    privacy_url: Line
    directions: tuple[DirectionRow, ...]


class Fleet(Words):
    """The whole file."""

    data_regions: tuple[str, ...]
    well_known_domains: tuple[str, ...]
    nodes: tuple[NewNode, ...]
    egresses: tuple[EgressRow, ...]
    tenants: tuple[TenantRow, ...]

    def listeners(self) -> Mapping[str, tuple[str, int | None]]:
        """Node and listener of each egress."""
        return {egress.name: (egress.node, egress.listener) for egress in self.egresses}

    def hops(self) -> Mapping[str, int]:
        """How many Postfix listeners each node has."""
        return {
            node.name: sum(e.node == node.name and e.listener is not None for e in self.egresses)
            for node in self.nodes
        }


def read_fleet(file: Path) -> Fleet:
    """The fleet in the file. Raises Refused, naming the place."""
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as problem:
        raise Refused(f"{file}: {' '.join(str(problem).split())}") from None
    return accepted(Fleet, found, str(file))
