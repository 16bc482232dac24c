"""The command `mailfleet`: one module for each noun."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from mailfleet.cli.terminal import REFUSED, one_line, refuse
from mailfleet.settings import masking

NOUNS = (
    "demo", "up", "migrate", "deploy", "status", "explain",
    "tenant", "fleet", "mailbox", "leads", "campaign", "suppress", "stop", "unknown", "node",
    "ledger", "audit", "keys", "states",
)  # fmt: skip
UNEXPECTED = 70  # a fault of ours: the traceback says where

EXIT_CODES = """
Exit codes:  0 done · 1 what was checked does not hold (the books, the audit's chain) ·
2 nothing was done, a setting, the database, a name or the input is wrong: one line says what to do ·
70 a fault of ours, with its traceback
"""


class Guarded(TyperGroup):
    """Expected errors of any command, and words that are none, end in one line and exit code 2."""

    def make_context(self, *words: Any, **named: Any) -> Any:
        with understood():
            return super().make_context(*words, **named)

    def invoke(self, ctx: Any) -> Any:
        with one_line(), understood():
            return super().invoke(ctx)


@contextmanager
def understood() -> Iterator[None]:
    """Inside it, a command that cannot be read is one line; one without any words still shows its help."""
    try:
        yield
    except TyperException as wrong:
        if wrong.exit_code != REFUSED or "\n" in wrong.format_message():
            raise
        where = ctx.command_path if (ctx := getattr(wrong, "ctx", None)) else "mailfleet"
        refuse(f"{wrong.format_message().rstrip('.')}: see `{where} --help`")


app = typer.Typer(
    cls=Guarded, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    epilog=EXIT_CODES,
    help="Runs outreach mail for agencies: who is written to, what left, how it ended, and why.",
)  # fmt: skip


def _mount(noun: str) -> None:
    module = import_module(f"mailfleet.cli.{noun}")
    if hasattr(module, "register"):
        module.register(app)
    else:
        app.add_typer(module.app, name=noun)


for _noun in NOUNS:
    _mount(_noun)


def readable(word: str) -> str:
    """Bytes that are no UTF-8 as U+FFFD: nothing is called so, and the ledger and the screen can take it."""
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def main() -> None:
    """The entry point: nothing with an address reaches the screen but what a command prints."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    masking.install()
    try:
        app(args=[readable(word) for word in sys.argv[1:]])
    except Exception:
        logging.getLogger("mailfleet").exception("this is a fault of ours, please report it")
        sys.exit(UNEXPECTED)
