"""One SMTP port that plays every receiver, by the domain of the recipient."""

import asyncio
from collections.abc import Callable

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.receivers import Answer, Caller, Cut, Receivers, Say

SIZE_LIMIT = 35_882_577


def listener(handler: object, hostname: str) -> Callable[[], SMTP]:
    """What makes the protocol of one connection."""
    return lambda: SMTP(
        handler, hostname=hostname, ident="ESMTP", data_size_limit=SIZE_LIMIT, enable_SMTPUTF8=True
    )


async def ehlo(
    _: object, __: SMTP, session: Session, ___: Envelope, hostname: str, lines: list[str]
) -> list[str]:
    """Announce pipelining too: commands are read one by one from a stream, so it always worked."""
    session.host_name = hostname
    return [*lines[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", lines[-1]]


class Door:
    """Hands the dialogue of one connection to the receivers and says what they answer."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers

    handle_EHLO = ehlo

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self._receivers.at_rcpt(Caller(session.host_name or "unknown"), address)
        if isinstance(answer, Say) and answer.positive:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return await voiced(server, answer)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """One reply for all recipients: the first that is not an acceptance."""
        caller, data = Caller(session.host_name or "unknown"), envelope.content
        assert isinstance(data, bytes), "decode_data is off"
        sender = envelope.mail_from or ""
        answers = [self._receivers.at_data(caller, sender, rcpt, data) for rcpt in envelope.rcpt_tos]
        return await voiced(server, next((a for a in answers if not accepted(a)), answers[0]))


def accepted(answer: Answer) -> bool:
    """Whether the caller will hear that the letter was taken."""
    return isinstance(answer, Say) and answer.positive


async def voiced(server: SMTP, answer: Answer) -> str:
    """The text to send; cuts the line instead where the answer is a cut, and closes it after a 421."""
    if isinstance(answer, Cut):
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
        return "421 4.4.2 Connection dropped"
    await asyncio.sleep(answer.wait)
    if answer.lines[0].startswith("421") and server.transport is not None:
        asyncio.get_running_loop().call_soon(server.transport.close)
    return "\r\n".join(answer.lines)


async def listen(receivers: Receivers) -> tuple[int, asyncio.Server]:
    """Serve on a free port."""
    make = listener(Door(receivers), "mx.sandbox.example")
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1]), server
