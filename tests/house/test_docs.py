"""Whatever a person may meet is named in the docs: flows, tables, settings, commands, events, words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mailfleet.cli.main import app
from mailfleet.policy.lifecycle import Event, State
from mailfleet.settings import Settings

ROOT = Path(__file__).parents[2]


def doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def commands(group: Any, path: str = "") -> Iterator[str]:
    """Every command as it is typed."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"


@pytest.mark.parametrize("command", sorted(commands(typer.main.get_command(app))))
def test_every_command_is_documented(command: str) -> None:
    assert re.search(rf"`{command}[ `]", doc("commands.md")), f"docs/commands.md does not name `{command}`"


def test_every_documented_command_is_there() -> None:
    named = re.findall(
        r"`([a-z]+(?: [a-z-]+)?)(?: [A-Z]+)*`", "".join(re.findall(r"(?m)^\| (`.*?) \|", doc("commands.md")))
    )
    assert set(named) <= set(commands(typer.main.get_command(app)))


def test_every_flow_is_documented() -> None:
    for file in (ROOT / "flows").glob("[a-z]*.py"):
        (name,) = re.findall(r'@flow\(\s*name="([^"]+)"', file.read_text("utf-8"))
        assert re.search(rf"\b{name}\b", doc("prefect.md")), f"docs/prefect.md does not name the flow {name}"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_described_and_documented(name: str) -> None:
    described = Settings.model_fields[name].description or ""
    assert described.endswith("."), f"{name} has no description"
    assert f"`{name.upper()}`" in doc("running.md"), f"docs/running.md does not name {name.upper()}"


def test_no_setting_shows_its_secret() -> None:
    for name, field in Settings.model_fields.items():
        assert field.repr is ("url" not in name or name == "prefect_api_url"), name


def test_every_table_is_documented() -> None:
    made = set(re.findall(r"CREATE TABLE mailfleet\.(\w+)", (ROOT / "db/schema.sql").read_text("utf-8")))
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", doc("tables.md"))) == made


@pytest.mark.parametrize("word", [*State, *Event])
def test_every_state_and_event_is_documented(word: str) -> None:
    assert re.search(rf"\b{word}\b", doc("states.md"))


def test_every_event_that_is_told_outside_is_documented() -> None:
    sources = [file.read_text("utf-8") for file in (ROOT / "mailfleet/acts").glob("*.py")]
    told = set(re.findall(r'"(mailfleet\.(?:incident\.|capacity)[a-z_.]*)', " ".join(sources)))
    assert told
    for name in told:
        assert f"`{name}" in doc("tables.md"), f"docs/tables.md does not name `{name}`"


WORDS = (
    "tenant direction lead campaign version step enrolment message attempt wave batch chunk mailbox node egress route pool "
    "receiver allowance standing verdict outcome event suppression stop reading listing cooldown quarantine reserve incident "
    "claim begin submit deliver defer bounce drop hold"
)


@pytest.mark.parametrize("word", WORDS.split())
def test_every_word_has_one_meaning(word: str) -> None:
    assert len(re.findall(rf"(?m)^\| {word} \|", doc("glossary.md"))) == 1


def test_the_docs_point_at_files_that_are_there() -> None:
    for file in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text("utf-8")):
            assert (file.parent / target).exists(), f"{file.name} points at {target}"
