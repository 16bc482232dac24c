"""What a share knows while it runs: its node, its ways out, its count, and whether it should end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from db.egresses import Egress
from db.engine import Engine
from db.leases import Lease
from mailfleet.acts.letters import Desk
from mailfleet.acts.node_memory import NodeMemory
from mailfleet.acts.record_tries import Try
from mailfleet.egress.envelope import Place, Timeouts
from mailfleet.egress.smtp import SmtpEgress
from mailfleet.policy.lifecycle import State


@dataclass
class RunningShare:
    """One share of one node. Only its own event loop touches it."""

    engine: Engine
    node_id: int
    epoch: int
    wave: Lease
    holder: str
    desk: Desk
    memory: NodeMemory
    timeouts: Timeouts
    stop: asyncio.Event
    deadline: float  # of the event loop's clock
    doors: AsyncExitStack
    batch: Lease | None = None
    ended: Counter[str] = field(default_factory=Counter)
    by_receiver: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _ways: dict[Egress, SmtpEgress] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Nothing more begins."""
        return self.stop.is_set() or asyncio.get_running_loop().time() >= self.deadline

    @property
    def leases(self) -> list[Lease]:
        """What must be renewed."""
        return [self.wave, *([self.batch] if self.batch else [])]

    async def way(self, egress: Egress) -> SmtpEgress:
        """The open way out; one whose settings changed is opened anew."""
        if egress not in self._ways:
            place = Place(
                egress.host, egress.port, egress.helo, egress.tls, egress.connections, self.timeouts
            )
            self._ways[egress] = await self.doors.enter_async_context(SmtpEgress(place))
        return self._ways[egress]

    def count(self, recorded: Iterable[tuple[Try, State]], turned_away: Counter[str]) -> None:
        """Adds to the share's result."""
        self.ended += turned_away
        for one, state in recorded:
            self.ended[state.value] += 1
            self.by_receiver[one.receiver, one.egress.name, state.value] += 1
