"""The files of flows, tasks and deployments, without a server."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow, Task
from prefect.cache_policies import NO_CACHE
from prefect.flows import load_flow_from_entrypoint

from deployments import demo_days, wanted
from tests.conftest import NODES

ROOT = Path(__file__).parents[2]
FLOWS = sorted((ROOT / "flows").glob("[a-z]*.py"))
WANTED = wanted.read(NODES)
MAY_NOT_REPEAT = {"send_share", "take_file"}


def tasks() -> list[Task[..., Any]]:
    modules = [import_module(f"tasks.{path.stem}") for path in sorted((ROOT / "tasks").glob("[a-z]*.py"))]
    return [value for module in modules for value in vars(module).values() if isinstance(value, Task)]


@pytest.mark.parametrize("one", WANTED, ids=lambda one: f"{one.entrypoint} {one.name}")
def test_every_entrypoint_is_a_flow_that_takes_the_parameters(one: wanted.Wanted) -> None:
    flow: Flow[..., Any] = load_flow_from_entrypoint(one.entrypoint, use_placeholder_flow=False)
    assert one.parameters.keys() <= flow.parameters.properties.keys()
    assert flow.name.replace("-", "_") == one.entrypoint.rsplit(".", 1)[1]
    assert flow.isasync, "a synchronous flow costs a second more"
    assert flow.flow_run_name


def test_every_flow_is_deployed() -> None:
    assert {one.entrypoint.split(".")[1] for one in WANTED} == {path.stem for path in FLOWS}


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_a_flow_is_short_and_defines_no_type(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert len(path.read_text().splitlines()) < 60
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40


def test_no_task_has_its_result_cached() -> None:
    """A cached task of an equal call would not be done: a wave would count its first share for ever."""
    assert len(tasks()) > 10
    assert [one.name for one in tasks() if one.cache_policy is not NO_CACHE] == []


def test_what_may_not_be_done_twice_is_never_tried_again() -> None:
    once = {one.name for one in tasks() if one.retries == 0}
    assert once >= MAY_NOT_REPEAT


def test_no_task_or_flow_takes_an_address_a_secret_or_a_list_of_leads() -> None:
    for one in tasks():
        assert not re.search(r"address|email|secret|password|key|leads", " ".join(one.fn.__annotations__))


def test_schedules_have_a_slug_a_zone_and_five_fields() -> None:
    crons = [cron for one in WANTED for cron in one.schedules]
    assert len({cron.slug for cron in crons}) == len(crons)
    assert all(len(cron.cron.split()) == 5 and cron.timezone for cron in crons)


def test_the_demo_takes_at_most_fifteen_steps_and_names_only_what_is_deployed() -> None:
    steps = demo_days.steps([{"file": "a.csv", "tenant": "acme"}, {"file": "b.csv", "tenant": "acme"}], NODES)
    assert len(steps) <= 15
    assert len({start.key for start in steps[0].starts}) == 2
    there = {f"{one.entrypoint.rsplit('.', 1)[1].replace('_', '-')}/{one.name}" for one in WANTED}
    assert {start.deployment for step in steps for start in step.starts} <= there


def test_every_flow_deployment_and_event_is_documented() -> None:
    text = (ROOT / "docs" / "prefect.md").read_text()
    for one in WANTED:
        name = one.name.replace("node-1", "NODE").replace("node-2", "NODE")
        assert f"`{one.entrypoint.rsplit('.', 1)[1].replace('_', '-')}/{name}`" in text
    acts = "".join(path.read_text() for path in (ROOT / "mailfleet" / "acts").glob("*.py"))
    for event in re.findall(r'event=f?"(mailfleet\.[a-z.-]+)', acts):
        assert event.rstrip(".") in text
