"""A log line names nobody and shows no password, whoever wrote it."""

from __future__ import annotations

import io
import logging

import pytest

from mailfleet.settings.masking import Masking, install, mask


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
def written() -> tuple[logging.Logger, io.StringIO]:
    """A logger with one handler, as a process has it."""
    logger, screen = logging.Logger("odd"), io.StringIO()
    logger.addHandler(logging.StreamHandler(screen))
    logger.handlers[0].addFilter(Masking())
    return logger, screen


def test_arguments_and_tracebacks_are_masked_too(written: tuple[logging.Logger, io.StringIO]) -> None:
    logger, screen = written
    logger.warning("to %s", "anna@x.example")
    try:
        raise ValueError("nobody like olga@x.example")
    except ValueError:
        logger.exception("for %s", {"who": "bo@x.example"})
    said = screen.getvalue()
    assert "Traceback" in said
    assert "ValueError: nobody like <address>" in said
    assert "@x.example" not in said


def test_the_filter_is_put_on_once() -> None:
    logger = logging.getLogger("mailfleet.tests.once")
    logger.addHandler(logging.NullHandler())
    install("mailfleet.tests.once")
    install("mailfleet.tests.once")
    assert [type(each) for each in logger.handlers[0].filters] == [Masking]


@pytest.mark.parametrize("name", ["prefect.flow_runs", "prefect.task_runs"])
def test_what_prefects_runs_log_is_masked(name: str) -> None:
    import prefect.logging
    import tasks

    assert tasks.__doc__
    prefect.logging.get_logger()
    handlers = logging.getLogger(name).handlers
    assert handlers
    for handler in handlers:
        assert any(isinstance(each, Masking) for each in handler.filters), handler
