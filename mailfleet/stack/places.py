"""Where a clone's servers keep their files, and as whom PostgreSQL runs there."""

import contextlib
import hashlib
import os
import pwd
import secrets
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailfleet.stack import processes

CLONE = Path(__file__).resolve().parents[2]
SHARED = Path("/var/lib/mailfleet")  # root's folder: the user PostgreSQL runs as cannot enter /root


@dataclass(frozen=True)
class Account:
    """The user a server is dropped to."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)


def command(words: str) -> str:
    """How this clone's command is called from anywhere, e.g. `/home/me/mailfleet/.venv/bin/mailfleet down`."""
    return f"{shlex.quote(str(Path(sys.executable).with_name('mailfleet')))} {words}"


def root_of(clone: Path = CLONE, uid: int | None = None) -> Path:
    """The folder of this clone's servers: two clones never share one."""
    if (os.geteuid() if uid is None else uid) != 0:
        return clone / ".mailfleet"
    return SHARED / mark_of(clone)


def mark_of(clone: Path = CLONE) -> str:
    """A short name of the clone, made from its path."""
    return hashlib.sha256(os.fsencode(clone.resolve())).hexdigest()[:12]


def open_folder(path: Path, mode: int = 0o755) -> Path:
    """Make a folder with exactly this mode, whatever the umask; what exists above it stays as it is."""
    if not path.is_dir():
        open_folder(path.parent)
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    return path


def dropped_account(data: Path) -> Account | None:
    """As whom PostgreSQL runs: it refuses root, so root hands over to who owns the data, or may."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    return Account(65534, 65534)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder for a while, where PostgreSQL may run; those that killed runs left are removed on the way."""
    above = open_folder(root_of() / "scratch")
    for old in above.iterdir():
        if not processes.alive(*owner_of(old)):
            shutil.rmtree(old, ignore_errors=True)
    me = processes.look(os.getpid())
    folder = open_folder(above / f"{name}.{secrets.token_hex(3)}.{os.getpid()}.{me.started if me else 0}")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def owner_of(folder: Path) -> tuple[int, int]:
    """The process that made a scratch folder and when it began, as its name tells."""
    pid, started = folder.name.split(".")[-2:]
    return int(pid), int(started)
