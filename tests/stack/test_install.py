"""`make setup` refuses what cannot work in one line, and begins anew what was interrupted."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mailfleet.stack import install, places

from . import makes


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    shutil.copy(places.CLONE / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    return tmp_path


def make(clone: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", *words], cwd=clone, env=makes.environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("version", ["2, 7", "3, 10", "3, 14"])
def test_another_python_is_refused_in_one_line(clone: Path, version: str) -> None:
    python = clone / "python"
    python.write_text(f'#!/bin/sh\nexec python3 -c "import sys; sys.version_info = ({version}); $2"\n')
    python.chmod(0o755)
    said = make(clone, "setup", "PYTHON=./python")
    wanted = f"Python 3.11, 3.12 or 3.13 is needed and ./python is {version.replace(', ', '.')}"
    assert said.returncode == 2
    assert said.stderr.splitlines()[0].startswith(wanted)


def test_a_finished_setup_is_repeated_only_for_a_newer_lock(tmp_path: Path) -> None:
    stamp, lock = tmp_path / "ready", tmp_path / "requirements.lock"
    lock.touch()
    assert not install.is_current(stamp, [lock])
    stamp.touch()
    assert install.is_current(stamp, [lock])
    os.utime(stamp, (0, 0))
    assert not install.is_current(stamp, [lock])


def test_an_environment_without_a_python_does_not_run(tmp_path: Path) -> None:
    assert not install.runs(tmp_path / "python")
    (tmp_path / "python").symlink_to("/no/such/python")
    assert not install.runs(tmp_path / "python")
