"""Texts with holes: Jinja2 in a sandbox that can neither change what it is given nor grow without end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

SOURCE_LIMIT = 64 * 1024
OUTPUT_LIMIT = 256 * 1024
RANGE_LIMIT = 1000
NUMBER_LIMIT = 10**9
POWER_LIMIT = 8

# A letter needs no more. What is missing could grow a text: ~, join, replace, blocks, macros, methods.
_FILTERS = (
    *("abs", "capitalize", "d", "default", "e", "escape", "first", "float", "int", "last", "length", "lower"),
    *("round", "title", "trim", "truncate", "upper"),
)
_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Assign),
    *(nodes.If, nodes.CondExpr, nodes.For, nodes.Tuple, nodes.List, nodes.Getattr, nodes.Getitem),
    *(nodes.Filter, nodes.Test, nodes.Keyword, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg, nodes.Pos),
)


class TextRefused(Exception):
    """A text that cannot be filled; the message says why and shows no value."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's own sandbox stops attribute tricks, but not `'a' * 10**9`: sizes are refused here."""

    intercepted_binops = frozenset({"*", "**", "%", "+", "//"})

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=StrictUndefined, cache_size=0)
        self.filters = {name: self.filters[name] for name in _FILTERS}
        self.globals = {"range": _short_range}
        self.keep_trailing_newline = True

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not all(isinstance(side, int | float) and abs(side) <= NUMBER_LIMIT for side in (left, right)):
            raise SecurityError(f"{operator} is for small numbers only")
        if operator == "**" and abs(right) > POWER_LIMIT:
            raise SecurityError("** is for small numbers only")
        return super().call_binop(context, operator, left, right)


def _short_range(*bounds: int) -> range:
    steps = range(*bounds)
    if len(steps) > RANGE_LIMIT:
        raise SecurityError(f"a range has at most {RANGE_LIMIT} steps")
    return steps


_TEXT = _Sandbox(autoescape=False)
_HTML = _Sandbox(autoescape=True)


@dataclass(frozen=True)
class Text:
    """One compiled text of a step."""

    template: Template

    def fill(self, values: Mapping[str, object]) -> str:
        """The text with these values. Raises TextRefused, without showing a value."""
        try:
            return "".join(_at_most(OUTPUT_LIMIT, self.template.generate(values)))
        except TemplateError as problem:
            raise TextRefused(f"{type(problem).__name__}: {_first_line(problem)}") from None
        except (TypeError, ValueError, ArithmeticError, LookupError) as problem:
            raise TextRefused(f"{type(problem).__name__} when filled") from None


def _at_most(limit: int, parts: Iterable[str]) -> Iterator[str]:
    size = 0
    for part in parts:
        size += len(part)
        if size > limit:
            raise TextRefused(f"longer than {limit} characters when filled")
        yield part


def compiled(source: str, *, html: bool) -> Text:
    """The text, ready to be filled; in HTML every value is escaped. Raises TextRefused."""
    sandbox = _HTML if html else _TEXT
    tree = _parsed(sandbox, source)
    if found := _not_allowed(tree):
        raise TextRefused(found[0])
    try:
        return Text(sandbox.from_string(tree))
    except TemplateError as problem:
        raise TextRefused(_where(problem)) from None


def check(source: str, names: Iterable[str]) -> list[str]:
    """What is wrong with a text that may use these names; empty where nothing is."""
    try:
        compiled(source, html=False)
    except TextRefused as problem:
        return [str(problem)]
    unknown = meta.find_undeclared_variables(_parsed(_TEXT, source)) - set(names) - {"range"}
    return [f"unknown name: {name}" for name in sorted(unknown)]


def _parsed(sandbox: _Sandbox, source: str) -> nodes.Template:
    if len(source.encode()) > SOURCE_LIMIT:
        raise TextRefused(f"longer than {SOURCE_LIMIT} bytes")
    try:
        return sandbox.parse(source)
    except (TemplateError, RecursionError) as problem:
        raise TextRefused(_where(problem)) from None


def _not_allowed(tree: nodes.Node, *, looping: bool = False) -> list[str]:
    """Parts of the language that a letter does not need, each with its line."""
    found = [
        f"line {node.lineno}: {what}" for node in tree.iter_child_nodes() if (what := _problem(node, looping))
    ]
    for node in tree.iter_child_nodes():
        found += _not_allowed(node, looping=looping or isinstance(node, nodes.For))
    return found


def _problem(node: nodes.Node, looping: bool) -> str | None:
    if isinstance(node, nodes.Call):
        return (
            None
            if isinstance(node.node, nodes.Name) and node.node.name == "range"
            else "only range can be called"
        )
    if isinstance(node, nodes.For) and (looping or node.recursive):
        return "a loop inside a loop is not allowed"
    return None if type(node) in _NODES else f"{type(node).__name__.lower()} is not allowed"


def _where(problem: Exception) -> str:
    return f"line {getattr(problem, 'lineno', '?')}: {_first_line(problem)}"


def _first_line(problem: Exception) -> str:
    return str(problem).partition("\n")[0]
