"""The main job as a user runs it: three days, a report that balances, and a recount that shares no code with us."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailfleet.stack import places

LEADS = {
    "fair-2026.csv": ("utf-8-sig", ","),
    "vebinar.csv": ("cp1251", ";"),
    "old-list.csv": ("utf-8-sig", ";"),
    "partners.txt": ("utf-16", "\t"),
}
COMMAND = [sys.executable, "-m", "mailfleet"]

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Kept:
    """A demo that has reported and was left running."""

    code: int
    words: str
    report: Path
    receipts: Path
    settings: dict[str, str]

    def ask(self, *words: str, said: str = "") -> "subprocess.CompletedProcess[str]":
        """A command against the kept demo."""
        told = {**os.environ, **self.settings}
        return subprocess.run(
            [*COMMAND, *words],
            input=said,
            env=told,
            cwd=places.CLONE,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture(scope="module")
def kept(clones_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:  # noqa: ARG001
    folder = tmp_path_factory.mktemp("demo")
    report, receipts = folder / "report.json", folder / "receipts"
    argv = [*COMMAND, "demo", "--report", str(report), "--receipts", str(receipts), "--keep"]
    ran = subprocess.run(
        argv, cwd=places.CLONE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=500
    )
    try:
        yield Kept(
            ran.returncode,
            ran.stdout + ran.stderr,
            report,
            receipts,
            _settings(places.root_of() / "settings.sh"),
        )
    finally:
        subprocess.run(
            [*COMMAND, "down"], cwd=places.CLONE, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
        )


def _settings(file: Path) -> dict[str, str]:
    """What the file would set in a shell."""
    if not file.exists():
        return {}
    pairs = (line.partition("=") for line in file.read_text().splitlines())
    return {name: value.strip("'") for name, _, value in pairs}


def _addresses() -> Iterator[str]:
    for name, (encoding, delimiter) in LEADS.items():
        text = (places.CLONE / "examples" / "leads" / name).read_bytes().decode(encoding)
        for row in list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[1:]:
            if row and row[0].strip():
                yield " ".join(row[0].split())


def test_the_books_balance_with_every_end_and_every_refusal(kept: Kept) -> None:
    assert kept.code == 0, kept.words[-3000:]
    report = json.loads(kept.report.read_text())
    assert report["books_balance"], report["differences"]
    assert "The books balance." in kept.words


def test_a_recount_that_shares_no_code_agrees_and_every_state_is_allowed(kept: Kept, tmp_path: Path) -> None:
    said = "\n".join(_addresses()) + "\n"
    explained = kept.ask("explain", "--json", "-", said=said)
    assert explained.returncode == 0, explained.stderr
    assert len(explained.stdout.splitlines()) == len(said.splitlines())
    (tmp_path / "explain.jsonl").write_text(explained.stdout)
    argv = [
        sys.executable,
        "-I",
        "tests/recount.py",
        "--receipts",
        str(kept.receipts),
        "--report",
        str(kept.report),
        "--explain",
        str(tmp_path / "explain.jsonl"),
        "--behaviours",
        "examples/behaviours.csv",
    ]
    recounted = subprocess.run(argv, cwd=places.CLONE, capture_output=True, text=True, timeout=60)
    assert recounted.returncode == 0, recounted.stdout + recounted.stderr


def test_every_act_of_the_seeds_is_in_an_unbroken_audit(kept: Kept) -> None:
    assert kept.ask("audit", "verify").returncode == 0


def test_unknown_messages_are_listed_for_a_person(kept: Kept) -> None:
    listed = json.loads(kept.ask("unknown", "list", "--json").stdout)
    assert len(listed) == json.loads(kept.report.read_text())["unknown"]["open"]


def test_the_ui_is_named_and_answers(kept: Kept) -> None:
    assert kept.settings["PREFECT_API_URL"].removesuffix("/api") in kept.words
