"""A running sandbox with small tables, spoken to over its real ports."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from itertools import count
from pathlib import Path
from typing import Any

import aiosmtplib

from sandbox.internet import Places, internet
from sandbox.options import Options

RECEIVERS = """\
domain,receiver,mx,answer
gm.example,gmail,gmail-smtp-in.l.google.com,mx
out.example,outlook,out.olc.protection.outlook.com,mx
firm.example,m365,firm-example.mail.protection.outlook.com,mx
ya.example,yahoo,mta5.am0.yahoodns.net,mx
ic.example,icloud,mx01.mail.icloud.com,mx
mr.example,mailru,mxs.mail.ru,mx
yx.example,yandex,mx.yandex.ru,mx
co.example,other,mx1.co.example,mx
xn--80aaxitdbjk.example,other,mail.co.example,mx
house.example,other,,a_only
nomail.example,other,,null_mx
parked.example,other,,no_mx
closed.example,other,,nxdomain
broken.example,other,,servfail
silent.example,other,,timeout
"""
BEHAVIOURS = """\
pattern,behaviour,final_states,note
*.later,defer-once,,
*.never,defer-always,,
*.gone,unknown-user,,
*.full,full,,
*.rush,throttle,,
*.shut,block,,
*.spammy,content-block,,
*.slow,tarpit,,
*.cut,drop,,
*.lost,drop-data,,
*.lostleft,drop-data-then-unsubscribe,,
*.lostback,drop-data-then-bounce,,
*.moved,late-bounce,,
*.angry,complain,,
*.writes,reply,,
*.stop,reply-stop,,
*.away,auto-reply,,
*.leaves,unsubscribe,,
*,accept,,
"""
LETTER = """\
From: Northwind <anna@mail.nw.example>
To: {rcpt}
Subject: =?utf-8?b?0J/RgNC40LLQtdGC?=
Message-ID: <{number}@mail.nw.example>
References: <1.first@mail.nw.example>
Feedback-ID: spring:hello:northwind:mailfleet
List-Unsubscribe: <https://go.nw.example/u/{token}>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Привет!
.a line with a dot
"""
PATIENCE = 15.0


@dataclass(frozen=True)
class Town:
    """The sandbox under test and where its files lie."""

    folder: Path
    places: Places
    numbers: count[int]

    async def send(self, rcpt: str, *, port: int | None = None, helo: str = "mail.nw.example") -> str:
        """Hand one letter over a connection of its own; what was heard in one line, or `lost`."""
        async with asyncio.timeout(PATIENCE):
            client = self.client(port, helo)
            await client.connect()
            try:
                return await self.heard(client, rcpt)
            finally:
                client.close()

    def client(self, port: int | None = None, helo: str = "mail.nw.example") -> aiosmtplib.SMTP:
        """A client of the receivers' port, or of another one."""
        port = port or self.places.receivers_port
        return aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname=helo)

    async def heard(self, client: aiosmtplib.SMTP, rcpt: str) -> str:
        """Hand one letter over this connection."""
        number = next(self.numbers)
        letter = (
            LETTER.format(rcpt=rcpt, number=number, token=f"token{number}").replace("\n", "\r\n").encode()
        )
        try:
            _, said = await client.sendmail("btoken@b.nw.example", [rcpt], letter)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            first = refused.recipients[0]
            return f"rcpt {first.code} {first.message}"
        except aiosmtplib.SMTPDataError as refused:
            return f"data {refused.code} {refused.message}"
        except aiosmtplib.SMTPServerDisconnected:
            return "lost"
        return f"250 {said}"

    async def through(self, rcpt: str, egress: int = 1) -> str:
        """Hand one letter to the node; its queue id."""
        said = await self.send(rcpt, port=self.places.nodes["node-1"].ports[egress - 1])
        found = re.fullmatch(r"250 2\.0\.0 Ok: queued as (\w+)", said)
        assert found, said
        return found[1]

    async def ask(self, *lines: str) -> str:
        """The answer of the control port."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.places.control_port)
            writer.write("".join(f"{line}\n" for line in (*lines, "")).encode())
            answer = (await reader.read()).decode()
            writer.close()
            return answer

    async def tool(self, name: str, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        """Run one of the node's queue tools: exit code, standard output, standard error."""
        path = f"{self.places.nodes['node-1'].bin}/{name}"
        pipe = asyncio.subprocess.PIPE
        running = await asyncio.create_subprocess_exec(path, *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
        out, err = await running.communicate(stdin.encode())
        assert running.returncode is not None
        return running.returncode, out.decode(), err.decode()

    def receipts(self) -> list[dict[str, Any]]:
        """What all receivers booked."""
        files = sorted(Path(self.places.receipts).glob("*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text().splitlines()]

    def letters(self) -> list[Message]:
        """The booked letters themselves."""
        return [BytesParser().parsebytes(base64.b64decode(row["data_b64"])) for row in self.receipts()]

    def mail(self, domain: str) -> list[Message]:
        """What lies in the Maildir of a domain."""
        files = sorted((Path(self.places.maildirs) / domain / "new").glob("*"))
        return [BytesParser().parsebytes(path.read_bytes()) for path in files]

    def log(self, qid: str = "") -> list[str]:
        """The node's log lines about this queue id, without time and host."""
        lines = Path(self.places.nodes["node-1"].log).read_text().splitlines()
        return [line.split(" ", 5 if line[4] == " " else 4)[-1] for line in lines if qid in line]


@asynccontextmanager
async def town(folder: Path, **options: Any) -> AsyncIterator[Town]:
    """A sandbox with one node of two egresses."""
    (folder / "receivers.csv").write_text(RECEIVERS)
    (folder / "behaviours.csv").write_text(BEHAVIOURS)
    told = Options(
        folder / "run", folder / "receivers.csv", folder / "behaviours.csv", nodes=(("node-1", 2),), **options
    )
    async with internet(told) as places:
        yield Town(folder, places, count(100))


def live(folder: Path, story: Callable[[Town], Awaitable[None]], **options: Any) -> None:
    """Run a story in a town of its own."""

    async def lived() -> None:
        async with town(folder, **options) as place:
            await story(place)

    asyncio.run(lived())
