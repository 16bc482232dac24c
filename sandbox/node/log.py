"""A mail log in Postfix's traditional format, one sentence of it per function."""

import os
import time
from pathlib import Path

PIDS = {"smtpd": 1201, "cleanup": 1207, "qmgr": 1180, "smtp": 1213, "bounce": 1219, "postsuper": 1231}


class MailLog:
    """Appends lines; a line is in the file when the function returns. The node's clock runs on UTC."""

    def __init__(self, path: Path, host: str) -> None:
        self.path = path
        self._host = host
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def line(self, program: str, text: str, instance: str = "postfix") -> None:
        stamp = time.strftime("%b %e %H:%M:%S", time.gmtime())
        line = f"{stamp} {self._host} {instance}/{program}[{PIDS[program]}]: {text}\n"
        os.write(self._file, line.encode("ascii", "replace"))

    def taken(self, qid: str, message_id: str, sender: str, size: int, recipients: int) -> None:
        """A message came in by SMTP and became active."""
        self.line("smtpd", f"{qid}: client=localhost[127.0.0.1]")
        self.cleaned(qid, message_id)
        self.active(qid, sender, size, recipients)

    def cleaned(self, qid: str, message_id: str) -> None:
        self.line("cleanup", f"{qid}: message-id={message_id}")

    def active(self, qid: str, sender: str, size: int, recipients: int) -> None:
        self.line("qmgr", f"{qid}: from=<{sender}>, size={size}, nrcpt={recipients} (queue active)")

    def tried(
        self, qid: str, egress: int, rcpt: str, relay: str, delays: "Delays", dsn: str, status: str
    ) -> None:
        """One delivery attempt and its end."""
        took = f"delay={short(delays.total)}, delays={delays}"
        instance = f"postfix/egress-{egress}" if egress else "postfix"
        self.line("smtp", f"{qid}: to=<{rcpt}>, relay={relay}, {took}, dsn={dsn}, status={status}", instance)

    def expired(self, qid: str, sender: str) -> None:
        self.line("qmgr", f"{qid}: from=<{sender}>, status=expired, returned to sender")

    def notified(self, qid: str, notice: str) -> None:
        self.line("bounce", f"{qid}: sender non-delivery notification: {notice}")

    def removed(self, qid: str) -> None:
        self.line("qmgr", f"{qid}: removed")

    def deleted(self, qid: str) -> None:
        self.line("postsuper", f"{qid}: removed")

    def close(self) -> None:
        os.close(self._file)


class Delays:
    """Postfix's four delays: before the queue manager, in it, at connecting, at sending."""

    def __init__(self, before: float, queue: float, connecting: float, sending: float) -> None:
        self._parts = (before, queue, connecting, sending)

    @property
    def total(self) -> float:
        return sum(self._parts)

    def __str__(self) -> str:
        return "/".join(map(short, self._parts))


def short(seconds: float) -> str:
    """A delay with two significant digits at most, as Postfix writes it."""
    if seconds >= 10:
        return str(round(seconds))
    return f"{seconds:.{1 if seconds >= 1 else 2}f}".rstrip("0").rstrip(".")
