"""Makes the virtual environment with the pinned dependencies, on the system's Python alone."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from mailfleet.stack import kernel
from mailfleet.stack.parent import fall_with_make

CLONE = Path(__file__).resolve().parents[2]
VENV = CLONE / ".venv"
STAMP = VENV / "ready"  # newer than what it was made from: make asks for it
MADE_FROM = (CLONE / "requirements.lock", CLONE / "pyproject.toml")
DOWNLOADS = CLONE / ".mailfleet" / "downloads"  # not in HOME; an interrupted set-up does not load them twice
UNFINISHED = VENV / "unfinished"
PIP = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]


def main() -> None:
    """Install, one make at a time."""
    fall_with_make()
    with (CLONE / "pyproject.toml").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not is_current(STAMP, MADE_FROM):
            print("Setting up .venv with the pinned dependencies (about a minute, once)", flush=True)
            install()


def is_current(stamp: Path, made_from: Iterable[Path]) -> bool:
    return stamp.exists() and all(stamp.stat().st_mtime >= path.stat().st_mtime for path in made_from)


def install() -> None:
    """Bring the environment to the lock; one that is half made, or of another Python, is made anew."""
    if UNFINISHED.exists() or not runs(VENV / "bin" / "python"):
        shutil.rmtree(VENV, ignore_errors=True)
        VENV.mkdir()
        UNFINISHED.touch()
        run([sys.executable, "-m", "venv", str(VENV)], "on Debian and Ubuntu: apt-get install python3-venv")
    UNFINISHED.touch()
    requirements = str(CLONE / "requirements.lock")
    run(
        [*PIP, "install", "--no-deps", "--require-hashes", "-r", requirements],
        "is the package index reachable?",
    )
    run(
        [*PIP, "install", "--no-deps", "--no-build-isolation", "-e", str(CLONE)], "what pip said stands above"
    )
    UNFINISHED.unlink()
    STAMP.touch()
    shutil.rmtree(DOWNLOADS, ignore_errors=True)


def runs(python: Path) -> bool:
    """Whether this environment's Python is there and of our version: another one has other packages."""
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    return python.exists() and subprocess.run([str(python), "-c", version], check=False).returncode == 0


def run(argv: list[str], advice: str) -> None:
    """Run a program that falls with us, or leave with one line."""
    said = subprocess.run(
        argv,
        env={"PIP_CACHE_DIR": str(DOWNLOADS)} | dict(os.environ),
        stdin=subprocess.DEVNULL,
        preexec_fn=kernel.before_exec(signal.SIGKILL),
        check=False,
    )
    if said.returncode:
        sys.exit(f"`{' '.join(argv[:4])} …` failed with code {said.returncode}; {advice}")


if __name__ == "__main__":
    main()
