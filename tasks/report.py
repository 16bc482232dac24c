"""Counts the whole ledger and shows the books."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE

from mailfleet.acts import report as act
from tasks.opened import BACKOFF, JITTER, RETRIES, keys, ledger, may_pass

SHOWN = ("leads", "refused", "messages", "enrolments", "receivers", "unknown", "duplicates", "violations")


@task(
    task_run_name="count the books", retries=RETRIES, retry_delay_seconds=BACKOFF, retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass, cache_policy=NO_CACHE,
)  # fmt: skip
async def count_books(receipts: str | None) -> bool:
    """Whether the books balance; the count is a Markdown artifact."""
    found = await asyncio.to_thread(
        act.report, ledger(), keys(), receipts=Path(receipts) if receipts else None, seconds=0.0, floors=False
    )
    await acreate_markdown_artifact(
        markdown=as_markdown(found), key="report", description="The whole ledger, counted"
    )
    return bool(found["books_balance"])


def as_markdown(found: Mapping[str, Any]) -> str:
    """The report as a page: whether the books balance, and a table for each part."""
    verdict = "**The books balance.**" if found["books_balance"] else "**The books do not balance.**"
    problems = [f"- {line}" for line in found["differences"]]
    parts = [_part(name, found[name]) for name in SHOWN if found[name]]
    return "\n".join([verdict, "", *problems, "", *parts])


def _part(name: str, counts: Mapping[str, Any]) -> str:
    rows = [f"| {key} | {_cell(value)} |" for key, value in counts.items()]
    return "\n".join([f"### {name}", "", "| | |", "|---|---|", *rows, ""])


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return str(value)
