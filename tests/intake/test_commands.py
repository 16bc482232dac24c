from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailfleet.cli.main import app
from mailfleet.settings.keys import write_keyring
from tests.conftest import Ledger
from tests.intake.given import FILE, HEADER, REGIONS, Desk, person


@pytest.fixture
def command(desk: Desk, demo_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("encryption_keys", "token_keys", "hash_keys"):
        write_keyring(tmp_path / name, name.encode().ljust(32)[:32])
        monkeypatch.setenv(name.upper(), str(tmp_path / name))
    monkeypatch.setenv("DATABASE_URL", demo_ledger.url("control"))
    monkeypatch.setenv("MAILFLEET_ACTOR", "anna")
    monkeypatch.setenv("DNS_SERVERS", desk.server)
    monkeypatch.setenv("DATA_REGIONS", ",".join(REGIONS))
    monkeypatch.setenv("WELL_KNOWN_DOMAINS", "gmail-post.example")

    def run(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


def test_a_lead_file_is_taken_in_and_counted(command, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        HEADER
        + person(1)
        + person(2).replace("fair form", "")
        + person(3).replace("quillworks", "gmai1-post")
    )
    shown = command("leads", "take", file, "--tenant", "acme", "--direction", "tools", "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout) | {"import_id": 0} == {
        "import_id": 0, "rows": 3, "accepted": 2, "known": 0, "refused": {"no_basis": 1}, "flagged": {"typo": 1}}  # fmt: skip
    again = command("leads", "take", file, "--tenant", "acme", "--direction", "tools")
    assert "3 rows, 2 accepted (2 known already), 1 refused" in again.stdout


@pytest.mark.parametrize(
    ("content", "tenant", "problem"),
    [
        ("Ann,Lee\n", "acme", "line 1: has no column for the address"),
        (HEADER + person(1), "nobody", "no tenant nobody"),
    ],
)
def test_what_cannot_be_taken_in_is_one_line_and_exit_code_2(
    command, tmp_path, content: str, tenant: str, problem: str
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(content)
    shown = command("leads", "take", file, "--tenant", tenant)
    assert shown.exit_code == 2
    assert problem in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_a_campaign_goes_from_file_to_pause_and_back(command, tmp_path: Path) -> None:
    file = tmp_path / "campaign.yaml"
    file.write_text(FILE)
    assert "version 1 is made" in command("campaign", "create", file).stdout
    assert "is approved" in command("campaign", "approve", "acme/spring").stdout
    assert "is paused" in command("campaign", "pause", "acme/spring", "--reason", "look").stdout
    assert json.loads(command("campaign", "status", "--json").stdout)[0]["stopped"] == "operator: look"
    assert "goes on" in command("campaign", "resume", "acme/spring").stdout
    assert "acme/spring" in command("campaign", "status").stdout
    wrong = command("campaign", "status", "acme/none")
    assert (wrong.exit_code, "no campaign acme/none" in wrong.stderr) == (2, True)
