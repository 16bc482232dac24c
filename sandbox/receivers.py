"""All receivers at once: what they say to one recipient, and what they keep."""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from zlib import crc32

from sandbox.behaviours import ALWAYS, CROWDED, FIRST, Behaviour
from sandbox.letter import Letter
from sandbox.receipts import Receipts
from sandbox.replies import DATA, RCPT, reply_of
from sandbox.tables import Domain, World, domain_name

AT_ONCE = 3  # letters a second from one caller that a receiver takes before it throttles
PATIENCE = 2  # how often one recipient is throttled before it is let through


@dataclass(frozen=True)
class Say:
    """A reply, after so many seconds."""

    lines: tuple[str, ...]
    wait: float = 0.0

    @property
    def positive(self) -> bool:
        return self.lines[0].startswith("2")


@dataclass(frozen=True)
class Cut:
    """No reply: the line is cut."""


Answer = Say | Cut


@dataclass(frozen=True)
class Caller:
    """Who is on the other end of the line, by the name it gave."""

    helo: str

    @property
    def ip(self) -> str:
        """An address of the documentation range that stands for this caller."""
        return f"198.51.100.{crc32(self.helo.encode()) % 250 + 1}"


class Receivers:
    """Answers RCPT and the end of DATA; keeps what it accepted and lets the reactions know."""

    def __init__(
        self,
        world: World,
        receipts: Receipts,
        react: Callable[[str, Letter], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.world = world
        self.counts: Counter[str] = Counter()
        self._receipts = receipts
        self._react = react
        self._clock = clock
        self._refused: Counter[tuple[str, str]] = Counter()
        self._arrivals: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def at_rcpt(self, caller: Caller, rcpt: str) -> Answer:
        """What this receiver answers to RCPT."""
        domain = self.world.domain(domain_name(rcpt))
        if domain is None:
            return self._said("relay", Say((f"554 5.7.1 <{rcpt}>: Relay access denied",)))
        does = self.world.behaviour(rcpt)
        self._arrived(caller, domain)
        if does.cut == RCPT:
            return self._said("cut", Cut())
        refusal = self._refusal(RCPT, caller, domain, rcpt, does)
        return refusal or Say(("250 2.1.5 OK",), does.wait)

    def at_data(self, caller: Caller, mail_from: str, rcpt: str, data: bytes) -> Answer:
        """What this receiver answers to the final dot; what it accepted is booked before."""
        domain = self.world.domain(domain_name(rcpt))
        assert domain is not None, "at_rcpt takes no unknown domain"
        does = self.world.behaviour(rcpt)
        letter = Letter(domain.receiver, domain.mx or domain.name, mail_from, rcpt, data)
        refusal = self._refusal(DATA, caller, domain, rcpt, does, letter)
        if refusal:
            return refusal
        self._receipts.add(letter)
        if does.reaction:
            self._react(does.reaction, letter)
        if does.cut == DATA:
            return self._said("cut after data", Cut())
        return self._said("accepted", self._say("accept", caller, domain, rcpt, letter))

    def _refusal(
        self,
        stage: str,
        caller: Caller,
        domain: Domain,
        rcpt: str,
        does: Behaviour,
        letter: Letter | None = None,
    ) -> Say | None:
        """The refusal due at this stage, when there is one."""
        if not does.refusal or reply_of(domain.receiver, does.refusal).stage != stage:
            return None
        if not self._refuses(caller, domain, rcpt, does):
            return None
        self._refused[rcpt.lower(), does.refusal] += 1
        self.counts[does.refusal] += 1
        return self._say(does.refusal, caller, domain, rcpt, letter)

    def _refuses(self, caller: Caller, domain: Domain, rcpt: str, does: Behaviour) -> bool:
        before = self._refused[rcpt.lower(), does.refusal]
        return {
            ALWAYS: True,
            FIRST: before == 0,
            CROWDED: before < PATIENCE and len(self._arrivals[caller.helo, domain.receiver]) > AT_ONCE,
        }[does.when]

    def _arrived(self, caller: Caller, domain: Domain) -> None:
        """Keep the last second's arrivals of this caller at this receiver."""
        recent, now = self._arrivals[caller.helo, domain.receiver], self._clock()
        recent.append(now)
        while recent[0] <= now - 1:
            recent.popleft()

    def _say(self, situation: str, caller: Caller, domain: Domain, rcpt: str, letter: Letter | None) -> Say:
        holes = {
            "rcpt": rcpt,
            "ip": caller.ip,
            "mx": domain.mx or domain.name,
            "domain": domain.name,
            "seconds": str(int(time.time())),
            "token": sha256(f"{rcpt}{situation}{self._clock()}".encode()).hexdigest()[:16],
            "message_id": letter.message_id if letter else "",
        }
        return Say(reply_of(domain.receiver, situation).lines(holes))

    def _said(self, word: str, answer: Answer) -> Answer:
        self.counts[word] += 1
        return answer
