"""Where reactions wait for their moment, each letter once."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from zlib import crc32

from sandbox.letter import Letter
from sandbox.maildir import Maildirs
from sandbox.reactions import oneclick
from sandbox.reactions.bounce import late_bounce
from sandbox.reactions.complaint import complaint
from sandbox.reactions.reply import absence, answer, stop

SOONEST, LATEST = 0.3, 1.5


WRITERS: dict[str, Callable[[Letter], tuple[str, str, bytes]]] = {
    "bounce": late_bounce,
    "complaint": complaint,
    "reply": answer,
    "stop": stop,
    "absence": absence,
}


class Desk:
    """Owes reactions and pays them; `pending` is what it still owes."""

    def __init__(self, maildirs: Maildirs, web_port: int | None, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self.web_port = web_port
        self.quiet = asyncio.Event()
        self.quiet.set()
        self._maildirs = maildirs
        self._seed = seed
        self._seen: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        return len(self._tasks)

    def owe(self, reaction: str, letter: Letter) -> None:
        """Let this reaction follow, unless it once did for the same letter."""
        key = (letter.rcpt_to.lower(), letter.message_id)
        if key in self._seen or (not letter.mail_from and reaction != "unsubscribe"):
            return
        self._seen.add(key)
        self.quiet.clear()
        task = asyncio.get_running_loop().create_task(self._pay(reaction, letter))
        self._tasks.add(task)
        task.add_done_callback(self._paid)

    async def _pay(self, reaction: str, letter: Letter) -> None:
        dice = random.Random(f"{self._seed}{letter.rcpt_to}{letter.message_id}")
        await asyncio.sleep(dice.uniform(SOONEST, LATEST))
        if reaction == "unsubscribe":
            self.counts[await self._click(letter)] += 1
            return
        mail_from, rcpt_to, content = WRITERS[reaction](letter)
        self._maildirs.deliver(mail_from, rcpt_to, content)
        self.counts[reaction] += 1

    def _click(self, letter: Letter) -> Awaitable[str]:
        return oneclick.click(letter, self.web_port, as_form=crc32(letter.rcpt_to.encode()) % 2 == 0)

    def _paid(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            self.counts[f"failed: {type(failure).__name__}"] += 1
            task.get_loop().call_exception_handler({"message": "a reaction failed", "exception": failure})
        if not self._tasks:
            self.quiet.set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
