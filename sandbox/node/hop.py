"""The hop itself: it queues, tries each message once, and tells the sender of every failure."""

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.letter import Letter
from sandbox.maildir import Maildirs
from sandbox.node import attempt
from sandbox.node.attempt import Attempt
from sandbox.node.ids import QueueIds
from sandbox.node.log import Delays, MailLog
from sandbox.node.notice import notice, notice_id, stamp
from sandbox.node.spool import Queued, Spool
from sandbox.receivers import Caller, Receivers, Say
from sandbox.replies import DATA, RCPT
from sandbox.tables import domain_name

AT_ONCE = 40
SOONEST, LATEST = 0.01, 0.2


@dataclass(frozen=True)
class Outside:
    """What a node delivers to."""

    receivers: Receivers
    maildirs: Maildirs


class Hop:
    """One node; `queue` is what it holds, `idle` is set while it holds nothing."""

    def __init__(self, name: str, directory: Path, outside: Outside, seed: int) -> None:
        self.name = name
        self.host = f"{name}.fleet.example"
        self.directory = directory
        self.queue: dict[str, Queued] = {}
        self.idle, self.released = asyncio.Event(), asyncio.Event()
        self.idle.set()
        self.released.set()
        self._spool = Spool(directory / "queue")
        self.log = MailLog(directory / "mail.log", self.host)
        self._outside = outside
        self._ids = QueueIds()
        self._dice = random.Random(f"{seed}{name}")
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, egress: int, helo: str, letter: Letter, recipients: list[str]) -> str:
        """Queue a letter and say under which id; from here on it is ours."""
        now = time.time()
        qid = self._ids.next(now)
        traced = received(helo, self.host, qid, recipients, now) + letter.data
        ours = f"egress-{egress}.{self.host}"
        message = Queued(
            qid, now, egress, ours, letter.mail_from, tuple(recipients), letter.message_id, traced
        )
        self._spool.put(message)
        self.log.taken(qid, message.message_id, message.sender, message.size, len(recipients))
        self._enter(message)
        return qid

    def resume(self, delivered: frozenset[str]) -> None:
        """Go on with what an earlier process left; what it had delivered is only taken out."""
        for message in self._spool.left():
            if message.qid in delivered:
                self._spool.remove(message.qid)
                self.log.removed(message.qid)
            else:
                self.log.active(message.qid, message.sender, message.size, len(message.recipients))
                self._enter(message)

    def delete(self, qids: list[str]) -> list[str]:
        """Take these out of the queue undelivered; those that were there."""
        gone = [qid for qid in (list(self.queue) if "ALL" in qids else qids) if qid in self.queue]
        for qid in gone:
            self._leave(qid)
            self.log.deleted(qid)
        return gone

    def _enter(self, message: Queued) -> None:
        self.queue[message.qid] = message
        self.idle.clear()
        task = asyncio.get_running_loop().create_task(self._work(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _leave(self, qid: str) -> None:
        self._spool.remove(qid)
        del self.queue[qid]
        if not self.queue:
            self.idle.set()

    async def _work(self, message: Queued) -> None:
        """Try every recipient once, report the failures, and forget the message."""
        await asyncio.sleep(self._dice.uniform(SOONEST, LATEST))
        await self.released.wait()
        async with self._slots:
            ends = {}
            for rcpt in message.recipients:
                end = await self._try(message, rcpt)
                if end is None:
                    return
                ends[rcpt] = end
        self._finish(message, {rcpt: end for rcpt, end in ends.items() if end.status != attempt.SENT})

    async def _try(self, message: Queued, rcpt: str) -> Attempt | None:
        """The end of the try, written into the log; None when the message was taken out meanwhile."""
        began = time.time()
        end = await self._delivered(message, rcpt)
        if end is not None:
            now = time.time()
            delays = Delays(0.01, max(began - message.arrived - 0.01, 0), 0.02, now - began)
            said = f"{end.status} ({end.text})"
            self.log.tried(message.qid, message.egress, rcpt, end.relay, delays, end.dsn, said)
        return end

    async def _delivered(self, message: Queued, rcpt: str) -> Attempt | None:
        name = domain_name(rcpt)
        domain = self._outside.receivers.world.domain(name)
        lost = attempt.unreachable(name, domain)
        if message.qid not in self.queue or lost or domain is None:
            return lost if message.qid in self.queue else None
        host, caller = domain.mx or name, Caller(message.helo)
        receivers = self._outside.receivers
        answer = receivers.at_rcpt(caller, rcpt)
        if not (isinstance(answer, Say) and answer.positive):
            return attempt.heard(host, RCPT, answer)
        await asyncio.sleep(answer.wait)
        if message.qid not in self.queue:
            return None
        return attempt.heard(host, DATA, receivers.at_data(caller, message.sender, rcpt, message.data))

    def _finish(self, message: Queued, failures: dict[str, Attempt]) -> None:
        if any(end.status == attempt.DEFERRED for end in failures.values()):
            self.log.expired(message.qid, message.sender)
        if failures and message.sender:
            self._notify(message, failures)
        self.log.removed(message.qid)
        self._leave(message.qid)

    def _notify(self, message: Queued, failures: dict[str, Attempt]) -> None:
        """Send the report; it goes by the same log and is delivered at once."""
        now = time.time()
        qid = self._ids.next(now)
        report = notice(self.host, qid, message, failures)
        self.log.cleaned(qid, notice_id(self.host, qid))
        self.log.notified(message.qid, qid)
        self.log.active(qid, "", len(report), 1)
        self._outside.maildirs.deliver("", message.sender, report)
        relay = f"mx.{domain_name(message.sender)}[127.0.0.1]:25"
        said = f"{attempt.SENT} (250 2.0.0 Ok: queued as {self._ids.next(now)})"
        self.log.tried(qid, 0, message.sender, relay, Delays(0, 0, 0.01, 0.01), "2.0.0", said)
        self.log.removed(qid)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.log.close()


def received(helo: str, host: str, qid: str, recipients: list[str], now: float) -> bytes:
    """The trace line of a message; it names a recipient only when there is just one."""
    whom = f"\r\n\tfor <{recipients[0]}>" if len(recipients) == 1 else ""
    by = f"by {host} (Postfix) with ESMTP id {qid}"
    return f"Received: from {helo} (localhost [127.0.0.1])\r\n\t{by}{whom}; {stamp(now)}\r\n".encode()
