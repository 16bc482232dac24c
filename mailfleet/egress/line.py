"""One connection to an SMTP server, spoken stage by stage: only who knows the stage knows what a lost line means."""

from __future__ import annotations

import ssl
from contextlib import suppress

from aiosmtplib import SMTP, SMTPConnectResponseError, SMTPException, SMTPResponse, SMTPResponseException

from mailfleet.egress import replies
from mailfleet.egress.envelope import Envelope, Place
from mailfleet.policy.outcome import Accepted, Deferred, Outcome, Reply, Unknown

PER_CONNECTION = 100  # messages; then a new connection, as receivers like it
LOST = (SMTPException, OSError, ValueError)  # aiosmtplib tells of garbage and lost lines by these


class Broken(Exception):
    """There is no line; nothing of a message was said."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


class Line:
    """An open connection, greeted."""

    def __init__(self, client: SMTP, place: Place) -> None:
        self._client = client
        self._timeouts = place.timeouts
        self._carried = 0
        self._trouble = False

    @property
    def usable(self) -> bool:
        """Whether another message may go over it."""
        return not self._trouble and self._client.is_connected and self._carried < PER_CONNECTION

    async def close(self) -> None:
        """Says goodbye where there is somebody to say it to."""
        if self._client.is_connected and not self._trouble:
            with suppress(*LOST):
                await self._client.quit(timeout=self._timeouts.quit)
        self.cut()

    def cut(self) -> None:
        """Hangs up."""
        self._client.close()

    async def carry(self, envelope: Envelope) -> Outcome:
        """One try. Raises Broken where the line, used before, was found closed before anything was said."""
        self._carried += 1
        if envelope.needs_utf8 and not self._client.supports_extension("smtputf8"):
            return replies.no_utf8()
        return await self._until_body(envelope) or await self._body(envelope)

    async def _until_body(self, envelope: Envelope) -> Outcome | None:
        """MAIL, RCPT and DATA; None once the other side waits for the body."""
        for stage, words, wait, good in self._stages(envelope):
            try:
                reply = await self._client.execute_command(*words, timeout=wait)
            except LOST as problem:
                return self._lost(stage, problem)
            if reply.code // 100 != good:
                return await self._turned_down(stage, reply, envelope)
        return None

    def _stages(self, envelope: Envelope) -> list[tuple[str, list[bytes], float, int]]:
        options = [b"SMTPUTF8"] if envelope.needs_utf8 else []
        if not envelope.data.isascii() and self._client.supports_extension("8bitmime"):
            options.append(b"BODY=8BITMIME")
        return [
            ("MAIL", [b"MAIL", b"FROM:<%b>" % envelope.mail_from.encode(), *options], self._timeouts.mail, 2),
            ("RCPT", [b"RCPT", b"TO:<%b>" % envelope.rcpt_to.encode()], self._timeouts.rcpt, 2),
            ("DATA", [b"DATA"], self._timeouts.data, 3),
        ]

    def _lost(self, stage: str, problem: Exception) -> Outcome:
        self._trouble = True
        reply = replies.said(0, f"{stage}: {problem}")
        answered = isinstance(problem, SMTPResponseException)
        if stage == "MAIL" and self._carried > 1 and not answered:
            raise Broken(reply)
        return Deferred(reply)

    async def _turned_down(self, stage: str, reply: SMTPResponse, envelope: Envelope) -> Outcome:
        """What the reply says; the line is made ready for the next message, or given up."""
        self._trouble = not 400 <= reply.code < 600 or reply.code in (421, replies.BAD_SEQUENCE)
        if not self._trouble:
            try:
                await self._client.rset(timeout=self._timeouts.mail)
            except LOST:
                self._trouble = True
        return replies.judged(envelope.receiver, reply, stage)

    async def _body(self, envelope: Envelope) -> Outcome:
        """The body and the final dot. From its first byte on, anything but a clear answer is Unknown."""
        if (protocol := self._client.protocol) is None:
            return self._lost("DATA", ConnectionError("lost after 354"))
        try:
            protocol.write(_dotted(envelope.data))
            reply = await protocol.read_response(timeout=self._timeouts.block + self._timeouts.final)
        except LOST as problem:
            self._trouble = True
            return Unknown(replies.clean(f"after the body: {problem}"))
        if reply.code // 100 == 2:
            return Accepted(replies.queue_ref(reply.message), replies.said(reply.code, reply.message))
        if reply.code // 100 in (4, 5):
            self._trouble = reply.code == 421
            return replies.judged(envelope.receiver, reply, "body")
        self._trouble = True
        return Unknown(replies.clean(f"after the body: {reply.code} {reply.message}"))


async def dial(place: Place, tls_context: ssl.SSLContext | None) -> Line:
    """A new line. Raises Broken: also where TLS is demanded and not to be had."""
    client = SMTP(
        hostname=place.host, port=place.port, local_hostname=place.helo, timeout=place.timeouts.greeting,
        use_tls=place.tls == "implicit", start_tls=False, tls_context=tls_context,
    )  # fmt: skip
    try:
        await client.connect()
        await client.ehlo()
        if place.tls == "starttls":
            await client.starttls()
            await client.ehlo()
    except SMTPConnectResponseError as refused:
        client.close()
        raise Broken(replies.said(refused.code, refused.message)) from None
    except LOST as problem:
        client.close()
        raise Broken(replies.said(0, f"no connection: {problem}")) from None
    return Line(client, place)


def _dotted(data: bytes) -> bytes:
    """The body as it travels: dots at the start of lines doubled, a dot at the end."""
    stuffed = data.replace(b"\r\n.", b"\r\n..")
    return (
        (b"." if data.startswith(b".") else b"")
        + stuffed
        + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")
    )
