"""Each contract of the house is broken once on purpose, in a copy, and seen reported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("flows", "tasks", "blocks", "deployments", "db", "mailfleet", "sandbox")
BIN = ROOT / ".venv/bin"

FLOORS = "Imports go down only, and neighbours on a floor do not know each other"
PURE = "Rules and formats touch nothing: no network, no database, no event loop"
SQL = "SQL lives in db"
PREFECT = "The engine works while Prefect is down: it knows neither Prefect nor what runs on it"
HTTPX = "httpx is imported in one module"
SANDBOX = "The sandbox shares nothing with us, and we nothing with it"
NO_SANDBOX = "Nobody leans on the sandbox: it is started as a process"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The house without its tests."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / words[0], *words[1:]], cwd=copy, capture_output=True, text=True, check=False)


def broken(copy: Path) -> set[str]:
    """The contracts that are reported as broken."""
    said = run(copy, "lint-imports", "--no-cache")
    lines = " ".join(said.stdout.split())
    assert (said.returncode == 0) == (" 0 broken" in lines), said.stdout + said.stderr
    every = (FLOORS, PURE, SQL, PREFECT, HTTPX, SANDBOX, NO_SANDBOX)
    assert all(f"{name} KEPT" in lines or f"{name} BROKEN" in lines for name in every), lines
    return {name for name in every if f"{name} BROKEN" in lines}


def add(copy: Path, file: str, line: str) -> None:
    path = copy / file
    path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")


@pytest.fixture(scope="session")
def already() -> set[str]:
    """What is broken without our doing, so that one wrong import elsewhere is one failed test."""
    return broken(ROOT)


def test_the_house_keeps_its_contracts(already: set[str]) -> None:
    assert already == set()


@pytest.mark.parametrize(("file", "line", "contracts"), [
    ("mailfleet/policy/retry.py", "import mailfleet.mail.seal", {FLOORS}),
    ("mailfleet/mail/seal.py", "import mailfleet.settings", {FLOORS}),
    ("mailfleet/settings/keys.py", "import mailfleet.mail.seal", {FLOORS}),
    ("db/audit.py", "import mailfleet.acts.refused", {FLOORS}),
    ("db/audit.py", "import mailfleet.probes", {FLOORS}),
    ("mailfleet/acts/keys.py", "import mailfleet.stack", {FLOORS}),
    ("mailfleet/stack/ports.py", "import mailfleet.cli.terminal", {FLOORS}),
    ("mailfleet/web/__init__.py", "import mailfleet.cli.terminal", {FLOORS}),
    ("blocks/__init__.py", "import tasks", {FLOORS}),
    ("tasks/__init__.py", "import flows", {FLOORS}),
    ("deployments/__init__.py", "import flows", {FLOORS}),
    ("mailfleet/policy/retry.py", "import asyncio", {PURE}),
    ("mailfleet/mail/seal.py", "from socket import create_connection", {PURE}),
    ("mailfleet/mail/seal.py", "import dns.resolver", {PURE}),
    ("mailfleet/policy/retry.py", "from sqlalchemy import text", {PURE, SQL}),
    ("mailfleet/acts/keys.py", "from sqlalchemy import Connection", {SQL}),
    ("mailfleet/cli/audit.py", "import psycopg", {SQL}),
    ("tasks/__init__.py", "import sqlalchemy", {SQL}),
    ("mailfleet/acts/keys.py", "import prefect", {PREFECT}),
    ("db/audit.py", "from prefect import flow", {PREFECT}),
    ("mailfleet/cli/audit.py", "import deployments", {FLOORS, PREFECT}),
    ("mailfleet/web/__init__.py", "import blocks", {FLOORS, PREFECT}),
    ("mailfleet/acts/keys.py", "import httpx", {HTTPX}),
    ("deployments/__init__.py", "import httpx", {HTTPX}),
    ("mailfleet/http.py", "import httpx", set()),
    ("sandbox/letter.py", "import mailfleet.mail.seal", {SANDBOX}),
    ("mailfleet/stack/ports.py", "import sandbox.letter", {NO_SANDBOX}),
])  # fmt: skip
def test_a_wrong_import_is_reported(
    copy: Path, file: str, line: str, contracts: set[str], already: set[str]
) -> None:
    add(copy, file, line)
    assert broken(copy) == contracts | already


def test_prefect_is_kept_out_of_the_engine_also_by_way_of_others(copy: Path, already: set[str]) -> None:
    add(copy, "db/detour.py", "import prefect")
    add(copy, "mailfleet/acts/keys.py", "import db.detour")
    assert broken(copy) == {PREFECT} | already
    said = " ".join(run(copy, "lint-imports", "--no-cache").stdout.split())
    assert "mailfleet.acts.keys -> db.detour" in said


@pytest.mark.parametrize("room", ["policy", "mail"])
@pytest.mark.parametrize(("imported", "said"), [
    ("from datetime import UTC, datetime", "datetime.now(UTC)"),
    ("from datetime import datetime", "datetime.utcnow()"),
    ("from datetime import datetime", "datetime.today()"),
    ("from datetime import date", "date.today()"),
    ("import time", "time.time()"),
    ("from time import monotonic", "monotonic()"),
    ("import random", "random.random()"),
    ("import secrets", "secrets.token_bytes(8)"),
    ("from uuid import uuid4", "uuid4()"),
    ("import os", "os.urandom(8)"),
])  # fmt: skip
def test_a_clock_or_dice_among_the_rules_is_reported(copy: Path, room: str, imported: str, said: str) -> None:
    add(copy, f"mailfleet/{room}/odd.py", f"{imported}\n\n\ndef odd() -> object:\n    return {said}")
    done = run(copy, "ruff", "check", "--no-cache", "--select", "TID251", f"mailfleet/{room}/odd.py")
    assert done.returncode == 1
    assert "TID251" in done.stdout


def test_the_rules_and_formats_have_no_clock_and_no_dice() -> None:
    said = run(ROOT, "ruff", "check", "--select", "TID251", "mailfleet/policy", "mailfleet/mail")
    assert said.returncode == 0, said.stdout


def test_other_rooms_may_look_at_the_clock(copy: Path) -> None:
    add(copy, "mailfleet/acts/odd.py", "import time\n\n\ndef odd() -> float:\n    return time.monotonic()")
    assert (
        run(copy, "ruff", "check", "--no-cache", "--select", "TID251", "mailfleet/acts/odd.py").returncode
        == 0
    )


def test_no_flow_defines_a_type_or_takes_a_modules_name() -> None:
    for file in (ROOT / "flows").glob("*.py"):
        assert "\nclass " not in file.read_text(), f"{file} defines a type: it would have two identities"
        assert file.stem == "__init__" or file.stem not in sys.stdlib_module_names
