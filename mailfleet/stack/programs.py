"""A server or worker as a value: what to run, as whom, where its words go, and when it has to end."""

import contextlib
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from mailfleet.stack import kernel, places
from mailfleet.stack.places import Account


class Rank(IntEnum):
    """The order of the end: who asks others for something ends before them."""

    WORKER = 0
    WEB = 1
    SANDBOX = 2
    PREFECT = 3
    POSTGRES = 4


@dataclass(frozen=True)
class Program:
    """One child of the supervisor; `death` is what it gets when the supervisor is killed."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    cwd: Path
    rank: Rank = Rank.WORKER
    account: Account | None = None
    stop: int = signal.SIGTERM
    death: int = signal.SIGKILL

    def with_env(self, env: Mapping[str, str]) -> "Program":
        return replace(self, env=env)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"log": str(self.log), "cwd": str(self.cwd), "env": dict(self.env)}


def from_json(told: Mapping[str, Any]) -> Program:
    account = Account(**told["account"]) if told["account"] else None
    return Program(
        **{
            **told,
            "argv": tuple(told["argv"]),
            "log": Path(told["log"]),
            "cwd": Path(told["cwd"]),
            "rank": Rank(told["rank"]),
            "account": account,
        }
    )


def as_account(account: Account | None) -> dict[str, Any]:
    """The arguments of `subprocess` that drop to an account."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, with nothing to read and its words in its log."""
    places.open_folder(program.log.parent)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            program.argv,
            env=program.env,
            cwd=program.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=kernel.before_exec(program.death),
            **as_account(program.account),
        )


def last_words(log: Path, lines: int = 3) -> str:
    """The end of a log in one line, for an error."""
    with contextlib.suppress(OSError):
        tail = log.read_text(errors="replace").strip().splitlines()[-lines:]
        return " | ".join(line.strip() for line in tail)
    return ""
