"""What prefect.yaml asks for, as values: every deployment, those of each node spelled out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = Path(__file__).resolve().parents[1] / "prefect.yaml"
OURS = "mailfleet"  # the tag of every deployment; what carries it and is not named here is pruned


class FileRefused(Exception):
    """prefect.yaml cannot be used; the text says where."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cron(_Part):
    """When a deployment runs; the slug is the schedule's identity."""

    slug: str
    cron: str
    timezone: str
    parameters: dict[str, Any] = {}


class Pool(_Part):
    """Where it runs."""

    name: str
    work_queue_name: str


class Limit(_Part):
    """How many of its runs there may be at once, and what becomes of the next one."""

    limit: int
    collision_strategy: str
    grace_period_seconds: int


class Wanted(_Part):
    """One deployment as the file wants it."""

    name: str
    entrypoint: str = Field(pattern=r"^flows(\.[a-z_]+)+$")
    description: str
    tags: list[str]
    work_pool: Pool
    parameters: dict[str, Any] = {}
    concurrency_limit: Limit | None = None
    schedules: list[Cron] = []


def read(nodes: Iterable[str], file: Path = FILE) -> list[Wanted]:
    """Every deployment that the file names, for these nodes. Raises FileRefused."""
    told = yaml.safe_load(file.read_text())
    entries = told["deployments"] + [
        _filled(entry, node) for node in nodes for entry in told["for-each-node"]
    ]
    try:
        wanted = [Wanted.model_validate(entry) for entry in entries]
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise FileRefused(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if stranger := next((entry for entry in wanted if OURS not in entry.tags), None):
        raise FileRefused(f"{file.name}: {stranger.entrypoint} has no tag {OURS}: it could not be pruned")
    return wanted


def _filled(value: Any, node: str) -> Any:
    """The same value with every {node} in it replaced."""
    match value:
        case str():
            return value.replace("{node}", node)
        case list():
            return [_filled(part, node) for part in value]
        case Mapping():
            return {key: _filled(part, node) for key, part in value.items()}
    return value
