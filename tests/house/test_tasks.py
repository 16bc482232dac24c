"""What runs on Prefect keeps to the house: no task answers from a cache, no flow decides anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOW_LINES = 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: str) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))


def calls_of(function: Function, name: str) -> list[ast.expr]:
    """The decorators @name and @name(…)."""
    return [
        each
        for each in function.decorator_list
        if name in (getattr(each, "id", ""), getattr(getattr(each, "func", None), "id", ""))
    ]


def option(decorator: ast.expr, name: str) -> str | None:
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return next((ast.unparse(keyword.value) for keyword in keywords if keyword.arg == name), None)


def tasks(source: str) -> Iterator[tuple[str, ast.expr]]:
    return ((function.name, each) for function in functions(source) for each in calls_of(function, "task"))


def cached(source: str) -> list[str]:
    """Tasks that a setting away could be answered from a cache instead of being done."""
    return [name for name, decorator in tasks(source) if option(decorator, "cache_policy") != "NO_CACHE"]


FILES = sorted((ROOT / "tasks").glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_no_task_answers_from_a_cache(file: Path) -> None:
    assert cached(file.read_text("utf-8")) == []


@pytest.mark.parametrize(("source", "named"), [
    ("@task\ndef f(): ...", ["f"]),
    ("@task(name='x')\nasync def f(): ...", ["f"]),
    ("@task(cache_policy=INPUTS)\ndef f(): ...", ["f"]),
    ("@task(cache_policy=NO_CACHE)\ndef f(): ...", []),
    ("def f(): ...", []),
])  # fmt: skip
def test_a_task_with_a_cache_is_found(source: str, named: list[str]) -> None:
    assert cached(source) == named


def test_the_task_that_sends_is_never_repeated_by_prefect() -> None:
    (sends,) = (
        each for name, each in tasks((ROOT / "tasks/send_wave.py").read_text("utf-8")) if name == "send_share"
    )
    assert option(sends, "retries") == "0"


FLOWS = sorted(file for file in (ROOT / "flows").glob("*.py") if file.stem != "__init__")


@pytest.mark.parametrize("file", FLOWS, ids=[file.stem for file in FLOWS])
def test_a_flow_is_its_own_table_of_contents(file: Path) -> None:
    source = file.read_text("utf-8")
    for function in functions(source):
        assert (function.end_lineno or 0) - function.lineno < FLOW_LINES
    names = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(ast.parse(source))}
    assert names.isdisjoint({"transaction", "open_engine", "text"}), "a flow opens nothing: the task does"
    assert ast.get_docstring(ast.parse(source)), "it says in one sentence what it is for"


SECRETS = ("address", "email", "password", "secret", "key", "token", "client", "engine", "leads", "url")


@pytest.mark.parametrize(
    "file", FLOWS + FILES, ids=[f"{file.parent.name}/{file.stem}" for file in FLOWS + FILES]
)
def test_no_parameter_of_a_run_holds_an_address_or_a_secret(file: Path) -> None:
    """Parameters are stored by Prefect and shown to everybody."""
    for function in functions(file.read_text("utf-8")):
        if calls_of(function, "flow") or calls_of(function, "task"):
            names = [argument.arg for argument in function.args.args + function.args.kwonlyargs]
            assert not [name for name in names if name in SECRETS], function.name
