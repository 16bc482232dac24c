"""What every command shares: the ledger it opens, who acts, tables or JSON, and errors in one line."""

from __future__ import annotations

import functools
import getpass
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from db.engine import DatabaseRefused, Engine, open_engine
from mailfleet.acts.keys import Keys, open_keys
from mailfleet.acts.refused import Refused
from mailfleet.settings import Settings, SettingsRefused, load

DIFFERS = 1  # what was checked does not hold: the books, the chain of the audit
REFUSED = 2  # nothing was done: a setting, the database, a name or the input is wrong
EXPECTED = (SettingsRefused, DatabaseRefused, Refused)
WIDE = 1000  # a pipe has no width: a program's reader must not lose the ends of cells
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069]+")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
P = ParamSpec("P")
R = TypeVar("R")


def settings() -> Settings:
    """The environment's settings. Raises SettingsRefused."""
    return load()


def keys() -> Keys:
    """The installation's keyrings. Raises SettingsRefused."""
    return open_keys(load())


def ledger() -> Engine:
    """The ledger, as role control. Raises SettingsRefused or DatabaseRefused."""
    return open_engine(load().url("database_url"))


def tenant_ledger() -> Engine:
    """The ledger, as role tenant: it shows the rows of the tenant that a transaction names, and no others."""
    return open_engine(load().url("database_tenant_url"))


def actor() -> str:
    """Who acts, for the audit: MAILFLEET_ACTOR, else the login name."""
    if named := load().mailfleet_actor:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise SettingsRefused("MAILFLEET_ACTOR is not set and this login has no name: set it") from None


def say(line: str) -> None:
    """A line on standard output."""
    typer.echo(_plain(line))


def refuse(message: str) -> NoReturn:
    """One line on standard error that says what to do, and exit code 2."""
    typer.echo(f"mailfleet: {_plain(message)}", err=True)
    raise typer.Exit(REFUSED)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], as_json: bool = False) -> None:
    """A table for people, or a list of JSON objects with the columns as keys."""
    if as_json:
        dump([dict(zip(columns, row, strict=True)) for row in rows])
        return
    table = Table(title=f"{title}: {len(rows)}", title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    _console().print(table)


def dump(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_jsonable))


def _jsonable(value: object) -> object:
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def _cell(value: object) -> str:
    return "" if value is None else _plain(f"{value}")


def _plain(line: str) -> str:
    """Text from outside must not steer the terminal: no escapes, no line breaks, no turns of direction."""
    return _CONTROL.sub(" ", line).strip()


@contextmanager
def one_line() -> Iterator[None]:
    """Inside it, an expected error is one line on standard error and exit code 2; others pass."""
    try:
        yield
    except EXPECTED as problem:
        refuse(str(problem))


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose expected errors are one line and exit code 2. All of `mailfleet` is guarded already."""

    @functools.wraps(command)
    def inner(*args: P.args, **named: P.kwargs) -> R:
        with one_line():
            return command(*args, **named)

    return inner
