"""Hands messages to an SMTP server, a node's own or a provider's, and says how each try ended."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType

from mailfleet.egress.envelope import Envelope, Place
from mailfleet.egress.line import Broken, Line, dial
from mailfleet.policy.outcome import Deferred, Outcome


class SmtpEgress:
    """A way out: at most `place.connections` tries at once, each over a connection that is used again.

    Raises nothing for what the other side does.
    """

    def __init__(self, place: Place, *, tls_context: ssl.SSLContext | None = None) -> None:
        self._place = place
        self._tls_context = tls_context or (None if place.tls == "none" else ssl.create_default_context())
        self._idle: list[Line] = []
        self._room = asyncio.Semaphore(place.connections)

    async def __aenter__(self) -> SmtpEgress:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(line.close() for line in self._idle))
        self._idle.clear()

    async def send(self, envelope: Envelope) -> Outcome:
        """One try. Who cancels it does not know how it ended: that is Unknown."""
        async with self._room:
            try:
                return await self._try(envelope)
            except Broken as broken:
                return Deferred(broken.reply)

    async def _try(self, envelope: Envelope) -> Outcome:
        """A kept line that was closed while nobody used it says nothing of this message: the next, or a new one."""
        while line := self._kept():
            try:
                return await self._over(line, envelope)
            except Broken:
                continue
        return await self._over(await dial(self._place, self._tls_context), envelope)

    async def _over(self, line: Line, envelope: Envelope) -> Outcome:
        try:
            outcome = await line.carry(envelope)
        except BaseException:
            line.cut()
            raise
        if line.usable:
            self._idle.append(line)
        else:
            await line.close()
        return outcome

    def _kept(self) -> Line | None:
        while self._idle:
            if (line := self._idle.pop()).usable:
                return line
        return None
