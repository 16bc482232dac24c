"""The submission ports of a node: one for each way out."""

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.letter import Letter
from sandbox.node.hop import Hop
from sandbox.smtp_port import ehlo, listener


class Submission:
    """Takes every letter into the queue of the node, to leave by this egress."""

    def __init__(self, hop: Hop, egress: int) -> None:
        self._hop = hop
        self._egress = egress

    handle_EHLO = ehlo

    async def handle_MAIL(
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:
        data = envelope.content
        assert isinstance(data, bytes), "decode_data is off"
        letter = Letter("", "", envelope.mail_from or "", envelope.rcpt_tos[0], data)
        qid = self._hop.take(self._egress, session.host_name or "unknown", letter, envelope.rcpt_tos)
        return f"250 2.0.0 Ok: queued as {qid}"


async def listen(hop: Hop, egress: int) -> tuple[int, asyncio.Server]:
    """Serve one egress on a free port."""
    make = listener(Submission(hop, egress), hop.host)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1]), server
