"""A log line names nobody and shows no password, whoever wrote it."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailfleet.settings.masking import install, mask

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("line", "masked"), [
    ("sent to anna.berg+x@example.com now", "sent to <address> now"),
    ("RCPT TO:<anna@пример.рф>", "RCPT TO:<<address>>"),
    ("postgresql://control:p%40ss@db.example:5432/x", "postgresql://control:<secret>@db.example:5432/x"),
    ("http://user:secret@127.0.0.1/hook", "http://user:<secret>@127.0.0.1/hook"),
    ("{'address': 'olga@x.example', 'to': \"o@y.example\"}", "{'address': '<address>', 'to': \"<address>\"}"),
    ("a@b,c@d.example;e@f.example", "a@b,<address>;<address>"),
    ("no address @ all, 5 @ 3", "no address @ all, 5 @ 3"),
])  # fmt: skip
def test_a_log_line_names_nobody(line: str, masked: str) -> None:
    assert mask(line) == masked


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger with a handler of its own, in a process that masks."""
    before = logging.getLogRecordFactory()
    install()
    logger, screen = logging.Logger("odd"), io.StringIO()
    logger.addHandler(logging.StreamHandler(screen))
    yield logger, screen
    logging.setLogRecordFactory(before)


def test_arguments_and_tracebacks_are_masked_too(written: tuple[logging.Logger, io.StringIO]) -> None:
    logger, screen = written
    logger.warning("to %s", "anna@x.example")
    try:
        raise ValueError("nobody like olga@x.example")
    except ValueError:
        logger.exception("for %s", {"who": "bo@x.example"}, stack_info=True)
    said = screen.getvalue()
    assert "to <address>" in said
    assert "Traceback" in said
    assert "ValueError: nobody like <address>" in said
    assert "for {'who': '<address>'}" in said
    assert "@x.example" not in said.replace('"@x.example"', "").replace('@x.example")', "")


@pytest.mark.usefixtures("written")
def test_masking_is_installed_once() -> None:
    once = logging.getLogRecordFactory()
    install()
    assert logging.getLogRecordFactory() is once


def test_what_runs_on_prefect_is_masked_from_the_first_import_on() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import tasks, logging; logging.warning('to %s', 'anna@x.example')"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stderr == "WARNING:root:to <address>\n"
