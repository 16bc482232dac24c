"""SMTP servers for the tests: one that does at each stage what it was told, and counts what it took over."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CLOSE, SILENCE = "close", "silence"
Answers = dict[str, str]


@dataclass
class Sink:
    """Answers by stage: greeting, EHLO, MAIL, RCPT, DATA, body, RSET; a reply, `close`, or `silence`."""

    answers: Answers = field(default_factory=dict)
    taken: list[bytes] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    connections: int = 0
    once: bool = False  # the answers are for the first connection only
    before_body_reply: Callable[[bytes], Awaitable[None]] | None = None
    tls: ssl.SSLContext | None = None  # offered by STARTTLS, or spoken from the first byte
    implicit: bool = False
    port: int = 0
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    def hang_up(self) -> None:
        """As a server does that is tired of idle clients."""
        for writer in self.open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.append(writer)
        answers = {} if self.once and self.connections > 1 else self.answers
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._talk(reader, writer, answers)
        writer.close()

    def _usual(self, verb: str) -> str:
        offered = "\r\n250-STARTTLS" if self.tls and not self.implicit else ""
        known = {
            "EHLO": f"250-sink.example{offered}\r\n250 8BITMIME",
            "DATA": "354 go on",
            "STARTTLS": "220 go on",
        }
        return known.get(verb, "250 2.1.0 Ok")

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: Answers
    ) -> None:
        if not await _say(writer, answers.get("greeting", "220 sink.example ESMTP")):
            return
        while line := await reader.readline():
            verb = line.split(b" ")[0].strip().upper().decode()
            self.spoken.append(line.decode(errors="replace").strip())
            if verb == "QUIT":
                await _say(writer, "221 bye")
                return
            if not await _say(writer, answers.get(verb, self._usual(verb))):
                return
            if verb == "STARTTLS" and self.tls:
                await writer.start_tls(self.tls)
            if verb == "DATA" and answers.get(verb, "354").startswith("354"):
                data = await reader.readuntil(b"\r\n.\r\n")
                body = re.sub(rb"(?m)^\.\.", b".", data[:-3])
                if self.before_body_reply:
                    await self.before_body_reply(body)
                answer = answers.get("body", f"250 2.0.0 Ok: queued as Q{len(self.taken)}")
                if answer.startswith(("250", CLOSE, SILENCE)):
                    self.taken.append(body)  # a server that vanishes after the dot may have taken it
                if not await _say(writer, answer):
                    return


async def _say(writer: asyncio.StreamWriter, answer: str) -> bool:
    """False where the server hangs up instead."""
    if answer == CLOSE:
        return False
    if answer == SILENCE:
        await asyncio.sleep(60)
        return False
    writer.write(answer.encode("utf-8", "surrogateescape") + b"\r\n")
    await writer.drain()
    return True


@asynccontextmanager
async def running(sink: Sink) -> AsyncIterator[Sink]:
    server = await asyncio.start_server(
        sink.serve, "127.0.0.1", 0, ssl=sink.tls if sink.implicit else None, limit=2**22
    )
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
